import type { PolicyHook } from '@holdfast/global'
import { digestEquals } from '@holdfast/model'
import { authoredOf, type Row } from '@holdfast/store'
import { allow, labelling, type PolicyHookServer, startGrpcHook, startHttpHook } from '@holdfast/testkit'
import { describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { bothInStep, type Mesh, putMesh, quiet, startMesh, vipsOf } from '../testing/faults.js'
import { inStep, type Plane, put, putService, remove, rowsOf, until, type ZonePlane } from '../testing/mesh.js'

// T0: a policy hook that is away, wrong or slow keeps back the next version of what it covers, and nothing else.
const { own } = closing()

interface Stand extends Mesh {
  readonly hook: PolicyHookServer
}

const settings = (url: string, more: Partial<PolicyHook> = {}): PolicyHook => ({
  name: 'policy',
  url,
  types: ['MeshService', 'MeshTimeout'],
  timeoutMs: 1_000,
  failurePolicy: 'hold',
  maxBodyBytes: 1 << 20,
  ...more,
})

async function stand(kind: 'gRPC' | 'HTTP' = 'gRPC', more: Partial<PolicyHook> = {}): Promise<Stand> {
  const hook = own(await (kind === 'gRPC' ? startGrpcHook() : startHttpHook()), (one) => one.stop())
  const mesh = own(await startMesh({ hooks: [settings(hook.url, more)] }), (one) => one.close())
  return { ...mesh, hook }
}

/** Services as a zone keeps them: display name, port, and the label that the hook has set. */
async function kept(zone: Plane, origin = 'east'): Promise<Readonly<Record<string, string>>> {
  const { items } = await zone.store.read.list({ type: 'MeshService', offset: 0, limit: 1_000 })
  return Object.fromEntries(
    items
      .filter((row) => row.origin === origin)
      .map((row): [string, string] => [row.displayName, said(row)])
      .sort(),
  )
}

const said = (row: Row): string => {
  const port = /"port":(\d+)/.exec(Buffer.from(row.spec).toString('utf8'))?.[1] ?? 'no port'
  return [port, row.labels.reviewed].filter((word) => word !== undefined).join(' ')
}

const globalRow = async ({ global }: Stand, name: string): Promise<Row> => {
  const [row] = await global.store.read.byDisplayName('MeshService', 'default', name, 'east')
  if (row === undefined) throw new Error(`global has no ${name}`)
  return row
}

/** Both sides are in step, and digest(zone) = digest(view): asked of both stores, whatever the sessions believe. */
async function proven({ global }: Stand, zone: ZonePlane): Promise<boolean> {
  if (!inStep(zone) || !bothInStep(global, zone)) return false
  const { signal } = new AbortController()
  const view = global.store.channel({ channel: 'down', peer: zone.name })
  const { digest } = await view.perform({ op: 'mark' }, { signal })
  const { offered } = await zone.store.channel({ channel: 'down', peer: '' }).perform({ op: 'standing' }, { signal })
  return digestEquals(digest, offered)
}

/** R1 is changed while the hook is away, R7 is a type that it does not cover. */
async function changeWhileAway(stand: Stand): Promise<void> {
  const { east, west, global, hook } = stand
  await hook.stop()
  await putService(east, 'web', 81)
  await put(global, '/hostnamegenerators/seven', {
    type: 'HostnameGenerator',
    name: 'seven',
    spec: { selector: { meshService: { matchLabels: { seven: 'yes' } } }, template: '{{ .DisplayName }}.seven.mesh' },
  })
  await until('global to have the new version', async () => (await globalRow(stand, 'web')).form?.state === 'waiting')
  await until('R7 to flow', async () => {
    const key = { type: 'HostnameGenerator', mesh: '', name: 'seven' }
    const { items } = await west.store.read.list({ type: key.type, nameContains: 'seven', offset: 0, limit: 9 })
    return items.length === 1
  })
}

describe.each(['gRPC', 'HTTP'] as const)('T0 over %s', (kind) => {
  test('LKG: while the hook is away R1 and R2 stay as they were and R7 flows; when it is back everything converges by itself', async () => {
    const stood = await stand(kind)
    const { west, global, hook } = stood
    const before = await kept(west)
    const vips = await vipsOf(west)
    expect(before).toEqual({ cart: '80', checkout: '80', web: '80' })
    await changeWhileAway(stood)
    expect(await kept(west)).toEqual(before)
    await until('the reason to be known', async () => (await globalRow(stood, 'web')).form?.reason !== undefined)
    const row = await globalRow(stood, 'web')
    expect(row.form?.hook).toBe('policy')
    expect(row.form?.reason).toMatch(/^cannot be reached: .*ECONNREFUSED/)
    // Global keeps what was authored, and serves what was published last.
    expect([said(authoredOf(row)), said(row)]).toEqual(['81', '80'])
    hook.judge = labelling('reviewed', 'yes')
    await hook.start()
    await until('R1 to arrive', async () => (await kept(west)).web === '81 yes')
    await until('both sides to agree', async () => (await proven(stood, west)) && proven(stood, stood.east))
    expect(await kept(west)).toEqual({ cart: '80', checkout: '80', web: '81 yes' })
    expect(await vipsOf(west)).toEqual(vips)
    expect(await vipsOf(global)).toEqual(vips)
    expect(await global.store.hooks.open(10)).toEqual([])
  })
})

test('T0 (a): it recovers and R1 changes again: the last version wins, in order', async () => {
  const stood = await stand()
  const { east, west, hook } = stood
  await changeWhileAway(stood)
  hook.judge = labelling('reviewed', 'yes')
  await hook.start()
  await putService(east, 'web', 82)
  await until('the last version to arrive', async () => (await kept(west)).web === '82 yes')
  await until('both sides to agree', () => proven(stood, west))
  expect(await kept(west)).toEqual({ cart: '80', checkout: '80', web: '82 yes' })
})

test('T0 (b): it flaps twenty times while R1 and R2 change: nobody ever loses a service, and it ends with the last version', async () => {
  const stood = await stand('HTTP')
  const { east, west, hook } = stood
  let least = 3
  for (let round = 1; round <= 20; round++) {
    await (round % 2 === 1 ? hook.stop() : hook.start())
    await putService(east, round % 3 === 0 ? 'cart' : 'web', 100 + round)
    least = Math.min(least, Object.keys(await kept(west)).length)
  }
  hook.judge = labelling('reviewed', 'yes')
  await putService(east, 'web', 200)
  await putService(east, 'cart', 201)
  await until('the last versions to arrive', async () => {
    const now = await kept(west)
    return now.web === '200 yes' && now.cart === '201 yes'
  })
  await until('both sides to agree', () => proven(stood, west))
  expect(least).toBe(3)
  expect(await vipsOf(west)).toEqual(await vipsOf(east))
})

test('T0 (c): it times out in the middle of a batch: what it let through is there, the rest waits and comes later', async () => {
  const stood = await stand('gRPC', { timeoutMs: 300 })
  const { east, west, hook } = stood
  const never = new Promise<never>(() => {})
  hook.judge = ({ resource }) => (resource.labels['kuma.io/display-name'] === 'web' ? never : { allowed: {} })
  for (const name of ['web', 'cart', 'checkout']) await putService(east, name, 81)
  await until('the others to arrive', async () => {
    const now = await kept(west)
    return now.cart === '81' && now.checkout === '81'
  })
  expect((await kept(west)).web).toBe('80')
  await until('the reason to be known', async () =>
    /within 300 ms/.test((await globalRow(stood, 'web')).form?.reason ?? ''),
  )
  hook.judge = allow
  await until('R1 to arrive', async () => (await kept(west)).web === '81')
  await until('both sides to agree', () => proven(stood, west))
})

test('T0 (d): a zone reconnects while it is away: it is in step with what is published, and nothing is written for it (RO)', async () => {
  const stood = await stand()
  const { global, east, west, hook } = stood
  await changeWhileAway(stood)
  await until('the reason to be written', async () => (await globalRow(stood, 'web')).form?.reason !== undefined)
  await until('both to be proven', async () => (await proven(stood, west)) && proven(stood, east))
  await quiet([global, west])
  const before = await kept(west)
  const rows = await rowsOf([west])
  const session = west.runtime.view()?.sessionId
  west.proxy.cut('reset')
  await until(
    'west to be back in step',
    async () => west.runtime.view()?.sessionId !== session && (await proven(stood, west)),
  )
  expect(await kept(west)).toEqual(before)
  expect(await rowsOf([west])).toBe(rows)
  await hook.start()
  await until('R1 to arrive', async () => (await kept(west)).web === '81')
  await until('both sides to agree', () => proven(stood, west))
  expect(await global.store.hooks.open(10)).toEqual([])
})

test('T0 (f): it fails over R1 only: R1 stays as it was with the reason, all others go on', async () => {
  const stood = await stand('HTTP')
  const { east, west, hook } = stood
  hook.judge = ({ resource }) => {
    if (resource.labels['kuma.io/display-name'] === 'web') throw new Error('not this one')
    return { allowed: {} }
  }
  for (const name of ['web', 'cart', 'checkout']) await putService(east, name, 81)
  await until('the others to arrive', async () => {
    const now = await kept(west)
    return now.cart === '81' && now.checkout === '81'
  })
  await until('the reason to be known', async () => /HTTP 503/.test((await globalRow(stood, 'web')).form?.reason ?? ''))
  await putService(east, 'cart', 82)
  await until('a later change of another to arrive', async () => (await kept(west)).cart === '82')
  expect((await kept(west)).web).toBe('80')
  hook.judge = allow
  await until('R1 to arrive', async () => (await kept(west)).web === '81')
})

test('ignore: what its hook does not answer for goes without it, and is replaced when it is back', async () => {
  const stood = await stand('gRPC', { failurePolicy: 'ignore' })
  const { east, west, hook, global } = stood
  hook.judge = labelling('reviewed', 'yes')
  await hook.stop()
  await putService(east, 'web', 81)
  await putService(east, 'fresh', 81)
  await until('both to go without it', async () => {
    const now = await kept(west)
    return now.web === '81' && now.fresh === '81'
  })
  expect((await globalRow(stood, 'web')).form).toMatchObject({ state: 'bypassed', hook: 'policy' })
  await hook.start()
  await until('both to be replaced', async () => {
    const now = await kept(west)
    return now.web === '81 yes' && now.fresh === '81 yes'
  })
  await until('both sides to agree', () => proven(stood, west))
  expect(await global.store.hooks.open(10)).toEqual([])
})

test('LKG: what a hook refuses stays with its reasons; a removal passes it; a new service that it refuses is seen by nobody', async () => {
  const stood = await stand('HTTP')
  const { east, west, hook, global } = stood
  hook.judge = ({ resource }) =>
    /81/.test(JSON.stringify(resource.spec))
      ? { denied: { reasons: ['port 81 is closed', 'ask the network team'] } }
      : { allowed: {} }
  await putService(east, 'web', 81)
  await putService(east, 'fresh', 81)
  await until(
    'both to be refused',
    async () => (await global.store.hooks.open(10)).filter((r) => r.form?.state === 'refused').length === 2,
  )
  expect((await globalRow(stood, 'web')).form?.reason).toBe('port 81 is closed; ask the network team')
  expect(await kept(west)).toEqual({ cart: '80', checkout: '80', web: '80' })
  expect((await vipsOf(global))['east/fresh']).toHaveLength(2)
  await remove(east, '/meshes/default/meshservices/web')
  await until('the removal to arrive', async () => (await kept(west)).web === undefined)
  await putService(east, 'fresh', 80)
  await until('what is allowed now to arrive', async () => (await kept(west)).fresh === '80')
  await until('both sides to agree', () => proven(stood, west))
})

test('several hooks in their order: each gets what the one before has left, and one that hangs keeps back only its own', async () => {
  const first = own(await startHttpHook(), (one) => one.stop())
  const second = own(await startGrpcHook(), (one) => one.stop())
  first.judge = labelling('reviewed', 'first')
  second.judge = (item) => labelling('reviewed', `${item.resource.labels.reviewed ?? 'nobody'}-second`)(item)
  const hooks = [
    settings(first.url, { name: 'first', types: ['MeshService'] }),
    settings(second.url, { name: 'second', types: ['MeshService', 'MeshTimeout'] }),
  ]
  const mesh = own(await startMesh({ hooks }), (one) => one.close())
  await until('both hooks to have judged', async () => (await kept(mesh.west)).web === '80 first-second')
  first.judge = () => new Promise<never>(() => {})
  await putService(mesh.east, 'web', 81)
  await put(mesh.global, '/meshes/default/meshtimeouts/slow', {
    type: 'MeshTimeout',
    mesh: 'default',
    name: 'slow',
    spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '5s' } }] },
  })
  await until('what only the second covers to arrive', async () => {
    const { items } = await mesh.west.store.read.list({ type: 'MeshTimeout', offset: 0, limit: 9 })
    return items.some((row) => row.labels.reviewed === 'nobody-second')
  })
  expect((await kept(mesh.west)).web).toBe('80 first-second')
})

test('ORDER: a new mesh that waits for its hook brings what lives in it when it comes', async () => {
  const stood = await stand('gRPC', { types: ['Mesh'] })
  const { global, east, west, hook } = stood
  await hook.stop()
  await putMesh(global, 'shop')
  await put(global, '/meshes/shop/meshtimeouts/slow', {
    type: 'MeshTimeout',
    mesh: 'shop',
    name: 'slow',
    spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '5s' } }] },
  })
  const timeouts = async (): Promise<number> =>
    (await west.store.read.list({ type: 'MeshTimeout', mesh: 'shop', offset: 0, limit: 9 })).total
  await until('the zones to be in step', async () => (await proven(stood, west)) && proven(stood, east))
  expect(await timeouts()).toBe(0)
  await hook.start()
  await until('the mesh and what lives in it to arrive', async () => {
    const { total } = await west.store.read.list({ type: 'Mesh', nameContains: 'shop', offset: 0, limit: 9 })
    return total === 1 && (await timeouts()) === 1
  })
  await until('both sides to agree', () => proven(stood, west))
})
