import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, labelling, type PolicyHookServer, startGrpcHook, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  ask,
  inStep,
  Processes,
  putService,
  type Running,
  readiness,
  service,
  until,
  vipsOf,
} from './testing/process.js'

// T0 (e) with the programs themselves: global is killed while its hook is away, and serves from PostgreSQL.
vi.setConfig({ testTimeout: 240_000 })
/** A zone that has lost its global several times waits up to half a minute before it dials again. */
const afterRestart = { withinMs: 60_000 }
const processes = new Processes()
const databases: TestDatabase[] = []
let hook: PolicyHookServer
let global: Running
let west: Running
let east: Running
let globalFlags: readonly string[]

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

beforeAll(async () => {
  hook = await startGrpcHook()
  const config = join(processes.folder, 'global.yaml')
  writeFileSync(
    config,
    `policyHooks:\n  - name: policy\n    url: ${hook.url}\n    types: [MeshService]\n    timeoutMs: 1000\n`,
  )
  globalFlags = ['--config', config, '--database-url', await database(), '--init']
  global = await processes.start('global', globalFlags)
  const zone = async (name: string): Promise<Running> =>
    processes.start('zone', [
      ...['--zone', name, '--database-url', await database()],
      ...['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
    ])
  east = await zone('east')
  west = await zone('west')
  await until('both zones to be in step', async () => (await inStep(east)) && inStep(west))
  for (const name of ['web', 'cart']) await putService(east, name)
  await until('both services to be in west', async () => Object.keys(await vipsOf(west)).length === 2)
})

afterAll(async () => {
  await processes.close()
  await hook?.stop()
  for (const made of databases) await made.drop()
})

interface Shown {
  readonly items: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly spec: { readonly ports: readonly { readonly port: number }[] }
    readonly publication?: Readonly<Record<string, unknown>>
    readonly status?: { readonly conditions?: readonly Readonly<Record<string, unknown>>[] }
  }[]
}

const shown = async (plane: Running, name: string) => {
  const { items } = (await ask('GET', `${plane.apiUrl}/meshservices`)).body as Shown
  const item = items.find(({ labels }) => labels['kuma.io/display-name'] === name)
  return { port: item?.spec.ports[0]?.port, reviewed: item?.labels.reviewed, ...item }
}

const putPort = (name: string, port: number) =>
  ask('PUT', `${east.apiUrl}/meshes/default/meshservices/${name}`, {
    ...service(name),
    spec: {
      selector: { dataplaneLabels: { matchLabels: { app: name } } },
      ports: [{ port, targetPort: port, appProtocol: 'http' }],
    },
  })

const hooksOf = async (plane: Running) =>
  (await ask('GET', `${plane.apiUrl}/_holdfast/hooks`)).body as {
    readonly hooks: readonly { readonly answers: boolean | null }[]
  }

const metric = async (plane: Running, line: RegExp): Promise<string | undefined> => {
  const response = await fetch(`http://127.0.0.1:${plane.ports.diagnostics}/metrics`)
  return line.exec(await response.text())?.[0]
}

test('T0 (e): global is killed while the hook is away: it serves the last good version, says why, and converges when the hook is back', async () => {
  const vips = await vipsOf(west)
  hook.judge = labelling('reviewed', 'yes')
  await hook.stop()
  await putPort('web', 81)
  await until('global to know why', async () =>
    /cannot be reached/.test(String((await shown(global, 'web')).publication?.reason)),
  )
  await until('it to count as away', async () => ((await hooksOf(global)).hooks[0]?.answers ?? true) === false)
  const before = (await shown(global, 'web')).publication
  await global.signal('SIGKILL')
  const port = String(global.ports.kds ?? 0)
  global = await processes.start('global', [...globalFlags, '--kds-port', port])
  await until(
    'both zones to be back in step',
    async () => (await inStep(east)) && (await inStep(west)) && inStep(global),
    afterRestart,
  )

  // Last good from PostgreSQL in the zones, with VIPs as they were; what is wanted at global, with why and since when.
  expect([(await shown(west, 'web')).port, (await shown(west, 'cart')).port]).toEqual([80, 80])
  expect(await vipsOf(west)).toEqual(vips)
  const web = await shown(global, 'web')
  expect(web.port).toBe(81)
  expect(web.publication).toMatchObject({ state: 'waiting', hook: 'policy', since: before?.since })
  expect(web.publication?.reason).toMatch(
    /^hook "policy": cannot be reached: .*ECONNREFUSED.*; zones keep its last good version$/,
  )
  expect(web.publication?.servedVersion).not.toBe(web.publication?.wantedVersion)
  expect(web.status?.conditions).toMatchObject([{ type: 'Published', status: 'False', reason: 'HookPending' }])
  expect((await shown(global, 'cart')).publication).toBeUndefined()
  expect((await readiness(global)).status).toBe(200)

  const ctl = await processes.holdfastctl(['--url', global.apiUrl, 'inspect', 'hooks'])
  expect(ctl).toMatchObject({ status: 0, err: '' })
  expect(ctl.out).toMatch(/^policy +NO +\d+[sm] +hold +1 +0 +0 +cannot be reached/m)
  expect(ctl.out).toMatch(/^MeshService +default +web +east +waiting +\d+[sm]/m)
  expect(await metric(global, /^holdfast_hook_resources\{.*\} \d+$/m)).toBe(
    'holdfast_hook_resources{type="MeshService",hook="policy",state="waiting"} 1',
  )
  expect(await metric(global, /^holdfast_hook_up\{hook="policy"\} 0$/m)).toBeDefined()
  await until(
    'its calls to be counted',
    async () =>
      (await metric(global, /^holdfast_hook_calls_total\{hook="policy",outcome="failed"\} [1-9]/m)) !== undefined,
  )
  // It was said by the process before; a state that stays is said once.
  expect(global.logged('the policy hook does not answer')).toBe(false)

  await hook.start()
  await until('R1 to arrive', async () => (await shown(west, 'web')).port === 81)
  expect(await shown(west, 'web')).toMatchObject({ port: 81, reviewed: 'yes' })
  expect(await vipsOf(west)).toEqual(vips)
  await until('it to be told', () => global.logged('the policy hook answers'))
  await until(
    'everything to be in step',
    async () => (await inStep(east)) && (await inStep(west)) && inStep(global),
    afterRestart,
  )
  expect((await ask('GET', `${global.apiUrl}/_holdfast/hooks`)).body).toMatchObject({
    total: 0,
    items: [],
    hooks: [{ name: 'policy', answers: true, waiting: 0, url: hook.url }],
  })
  // Authored at global as its zone wrote it, and said so.
  expect(await shown(global, 'web')).toMatchObject({ reviewed: undefined, publication: { state: 'changed' } })
})

test('an author is told that a hook has yet to let it through; other hooks after a restart judge everything anew', async () => {
  await hook.stop()
  const config = join(processes.folder, 'global.yaml')
  writeFileSync(
    config,
    `policyHooks:\n  - name: other\n    url: ${hook.url}\n    types: [MeshService, MeshTimeout]\n    timeoutMs: 1000\n`,
  )
  const port = String(global.ports.kds ?? 0)
  expect(await global.signal('SIGTERM')).toMatchObject({ status: 0 })
  global = await processes.start('global', [...globalFlags, '--kds-port', port])
  const answer = await ask('PUT', `${global.apiUrl}/meshes/default/meshtimeouts/slow`, {
    type: 'MeshTimeout',
    mesh: 'default',
    name: 'slow',
    spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '5s' } }] },
  })
  expect(answer).toMatchObject({ status: 201, body: { warnings: [expect.stringContaining('policy hook "other"')] } })
  await until(
    'everything to wait for the other hook',
    async () => (await shown(global, 'cart')).publication?.hook === 'other',
  )
  expect(await shown(west, 'web')).toMatchObject({ port: 81, reviewed: 'yes' })
  hook.judge = labelling('reviewed', 'again')
  await hook.start()
  await until(
    'everything to be judged anew',
    async () => (await shown(west, 'web')).reviewed === 'again' && (await shown(west, 'cart')).reviewed === 'again',
    afterRestart,
  )
  // Without any hook everything is as it was authored.
  writeFileSync(config, 'policyHooks: []\n')
  expect(await global.signal('SIGTERM')).toMatchObject({ status: 0 })
  global = await processes.start('global', [...globalFlags, '--kds-port', port])
  await until(
    'everything to be as authored',
    async () => {
      const [web, cart] = [await shown(west, 'web'), await shown(west, 'cart')]
      return web.reviewed === undefined && cart.reviewed === undefined && web.port === 81
    },
    { ...afterRestart, otherwise: () => `${global.out.slice(-4_000)}\n${west.out.slice(-2_000)}` },
  )
})

test('every problem of the hooks in one answer, each with its place', async () => {
  const config = join(processes.folder, 'bad.yaml')
  writeFileSync(
    config,
    [
      'policyHooks:',
      '  - name: Policy!',
      '    url: ftp://somewhere',
      '    types: [MeshService, Secret, Nonsense]',
      '    timeoutMs: 1',
      '    failurePolicy: maybe',
      '    maxBodyBites: 5',
      '  - name: twice',
      '    url: grpc://127.0.0.1:1',
      '    caFile: /nowhere.pem',
      '  - name: twice',
      '    url: http://127.0.0.1:1/',
      '    meshes: []',
    ].join('\n'),
  )
  const ended = await processes.holdfast(['global', '--config', config, '--database-url', 'postgres://x@127.0.0.1:1/x'])
    .ended
  expect(ended.status).toBe(1)
  for (const problem of [
    /policyHooks\[0\]\.name.*DNS label/,
    /policyHooks\[0\]\.url.*grpc:\/\/HOST:PORT/,
    /policyHooks\[0\]\.types\[1\].*"Secret" is no type that a hook may be asked about/,
    /policyHooks\[0\]\.types\[2\].*"Nonsense"/,
    /policyHooks\[0\]\.timeoutMs.*at least 50/,
    /policyHooks\[0\]\.failurePolicy.*hold or ignore/,
    /policyHooks\[0\].*maxBodyBites/,
    /policyHooks\[2\]\.meshes.*mesh/,
  ])
    expect(ended.err).toMatch(problem)
  writeFileSync(config, 'policyHooks:\n  - {name: secure, url: "https://127.0.0.1:1/", caFile: /nowhere.pem}\n')
  const unread = await processes.holdfast(['global', '--config', config, '--database-url', await database(), '--init'])
    .ended
  expect(unread).toMatchObject({
    status: 1,
    err: expect.stringMatching(/secure: caFile cannot be read.*\/nowhere\.pem/),
  })
})
