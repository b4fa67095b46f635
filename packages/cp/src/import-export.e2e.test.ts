import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '@holdfast/model'
import { recordedStates } from '@holdfast/model/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { ask, Processes, type Running } from './testing/process.js'

// `import kuma --from-export` with what `kumactl export -p all -a` prints of a recorded global: plan, done, done again.
vi.setConfig({ testTimeout: 120_000 })

const processes = new Processes()
let global: Running

const state = recordedStates('2.14.3')['5-global-back']?.global ?? {}
const overviews = state['zones+insights'] ?? []
/** A recorded state shows no secrets: their lists want an administrator. */
const secret = (type: string, name: string, mesh?: string): JsonObject => ({
  type,
  ...(mesh === undefined ? {} : { mesh }),
  name,
  creationTime: '2026-11-21T06:39:50Z',
  modificationTime: '2026-11-21T06:39:50Z',
  data: Buffer.from(`of ${name}`).toString('base64'),
})
const objects: readonly JsonObject[] = [
  ...Object.entries(state).flatMap(([path, items]) => (path === 'zones+insights' ? [] : (items as JsonObject[]))),
  ...overviews.flatMap(({ name = '', zone, zoneInsight }): readonly JsonObject[] => [
    { ...(zone as JsonObject), type: 'Zone', name },
    { ...(zoneInsight as JsonObject), type: 'ZoneInsight', name },
  ]),
  { type: 'MeshInsight', name: 'default', lastSync: '2026-11-21T06:39:50Z', dataplanes: { total: 1 } },
  { type: 'ServiceInsight', mesh: 'default', name: 'all-services-default', services: { web: { status: 'offline' } } },
  secret('Secret', 'ours', 'default'),
  secret('GlobalSecret', 'everybodys'),
]
/** Meshes first, then what lives in them by its type, in the end what is shown to administrators alone. */
const ranks = ['Mesh', 'Secret', undefined, 'GlobalSecret']
const rank = ({ type }: JsonObject): number => ranks.indexOf(ranks.includes(String(type)) ? String(type) : undefined)
const exported = [...objects]
  .sort((a, b) => rank(a) - rank(b) || String(a.type).localeCompare(String(b.type)))
  .map((object) => `---\n${stringify(object)}`)
  .join('')
const header =
  '# Product: Kuma, Version: 2.14.3, Hostname: kuma-global, ClusterId: 5d0b15ed-7d2c-4a52-9d2a-0d0c635a6a01, InstanceId: kuma-global-3f2a\n'

beforeAll(async () => {
  global = await processes.start('global', ['--init'])
  writeFileSync(join(processes.folder, 'global.yaml'), header + exported)
  // The last thing that a new global writes by itself, once it is ready: addresses for what it owns.
  await vi.waitFor(
    async () => {
      const { body } = await ask('GET', `${global.apiUrl}/_holdfast/vips/blocks`)
      expect((body as { readonly items: readonly unknown[] }).items).not.toEqual([])
    },
    { timeout: 60_000 },
  )
}, 120_000)
afterAll(() => processes.close())

interface Line {
  readonly action: string
  readonly type: string
  readonly name: string
}
interface Result {
  readonly applied: boolean
  readonly resources: readonly Line[]
  readonly vips: readonly { readonly address: string; readonly inZone: string; readonly verdict: string }[]
}

const imported = async (...more: readonly string[]): Promise<Result> => {
  const args = ['import', 'kuma', '--from-export', 'global.yaml', '-o', 'json', ...more]
  const { status, out, err } = await processes.holdfastctl(args, '', { HOLDFAST_URL: global.apiUrl })
  expect([more, status, err]).toEqual([more, 0, ''])
  return JSON.parse(out) as Result
}
/** What would be done, by action and type; what nobody here may write is in nobody's way. */
const todo = ({ resources }: Result): readonly string[] => {
  const lines = resources
    .filter(({ action }) => ['create', 'change', 'copy', 'cannot'].includes(action))
    .map(({ action, type, name }) => `${action} ${type} ${name}`)
  return [...new Set(lines)].sort()
}
/** Everything that global has, and where its log stands. */
const everything = async (): Promise<readonly unknown[]> => {
  const paths = ['_holdfast/vips?limit=1000', ...Object.keys(state).map((path) => `${path}?size=1000`)]
  const lists = await Promise.all(paths.map((path) => ask('GET', `${global.apiUrl}/${path}`)))
  const { body } = await ask('GET', `${global.apiUrl}/_holdfast/status`)
  const { head } = body as { readonly head: { readonly revision: number } }
  expect(head.revision).toBeGreaterThan(0)
  return [head, ...lists.map((answer) => answer.body)]
}

test('a plan says of each object what becomes of it, and changes nothing', async () => {
  const before = await everything()
  const plan = await imported()
  expect(plan.applied).toBe(false)
  expect(todo(plan)).toMatchInlineSnapshot(`
    [
      "copy Dataplane web-1-v7wd4bdwc9994762",
      "copy HostnameGenerator local-mesh-external-service-6b28v9789424f4wx",
      "copy HostnameGenerator local-mesh-external-service-6b28vd789424f9z9",
      "copy HostnameGenerator local-universal-mesh-service-6b9f24zbvcd8db4x",
      "copy HostnameGenerator local-universal-mesh-service-6b9f46zbvcd8dx59",
      "copy MeshService api-d5x44559xbz56dw2",
      "copy MeshService cart-968zcw4vb6fz8cf4",
      "copy MeshService mail-bfw29842fv4bw6f9",
      "copy MeshService search-fbw98cxxx62v6z44",
      "copy MeshService web-d49779wdwbz7wb7d",
      "copy MeshService web-d4977dwdwbz7ww95",
      "create GlobalSecret everybodys",
      "create Mesh shop",
      "create MeshCircuitBreaker mesh-circuit-breaker-all-shop",
      "create MeshExternalService billing",
      "create MeshMultiZoneService web-everywhere",
      "create MeshRetry mesh-retry-all-shop",
      "create MeshTimeout mesh-gateways-timeout-all-shop",
      "create MeshTimeout mesh-timeout-all-shop",
      "create MeshTimeout slow-down",
      "create Secret ours",
      "create Zone zone-1",
      "create Zone zone-2",
    ]
  `)
  expect(plan.vips.map(({ inZone, address, verdict }) => `${inZone} ${address} ${verdict}`)).toMatchInlineSnapshot(`
    [
      "zone-1 241.0.0.0 alias",
      "zone-1 241.0.0.6 alias",
      "zone-2 241.0.0.3 alias",
      "zone-1 241.0.0.4 alias",
      "zone-2 241.0.0.4 alias",
      "zone-1 241.0.0.1 alias",
    ]
  `)
  expect(await everything()).toEqual(before)
})

test('--yes does what the plan says, and done again there is nothing to do and nothing is written', async () => {
  const plan = await imported()
  const done = await imported('--yes')
  expect({ ...done, applied: false }).toEqual(plan)
  const { body } = await ask('GET', `${global.apiUrl}/meshes/shop/meshservices`)
  expect((body as { readonly items: readonly { readonly name: string }[] }).items.map(({ name }) => name)).toEqual([
    'cart-968zcw4vb6fz8cf4',
  ])
  const after = await everything()
  for (const more of [[], ['--yes']]) {
    const again = await imported(...more)
    expect(todo(again)).toEqual([])
    expect(new Set(again.vips.map(({ verdict }) => verdict))).toEqual(new Set(['here']))
  }
  expect(await everything()).toEqual(after)
})
