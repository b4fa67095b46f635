import { byHand } from '@holdfast/store/testing'
import { freshDatabase, modules, oneTypeMore, startTcpProxy, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, putService, type Running, syncOf, until } from '../testing/process.js'

// UNKNOWN, SKEW: control planes of neighbouring versions, of which one side knows a type that the other does not.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes({ holdfast: modules })
const databases: TestDatabase[] = []
const database = async (): Promise<string> => {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}
/** The program of the next version: the same one with a type more. */
let newer: Readonly<Record<string, string>>

beforeAll(() => {
  newer = oneTypeMore(processes.folder).env
})
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

const gadget = (origin: 'zone' | 'global', text: string) => ({
  type: 'MeshGadget',
  mesh: 'default',
  name: 'thing',
  labels: { 'kuma.io/origin': origin },
  spec: { text, deep: { b: 2, a: [1, { z: 0 }] } },
})
const putGadget = (plane: Running, origin: 'zone' | 'global', text: string) =>
  ask('PUT', `${plane.apiUrl}/meshes/default/meshgadgets/thing`, gadget(origin, text))

interface Raw {
  readonly total: number
  readonly items: readonly { readonly name: string; readonly zone: string | null; readonly spec: string }[]
}
const rawOf = async (plane: Running): Promise<Raw> =>
  (await ask('GET', `${plane.apiUrl}/_holdfast/raw/MeshGadget`)).body as Raw
/** What a store has of it, as bytes. */
const specsIn = async (url: string): Promise<readonly string[]> =>
  (
    await byHand<{ spec: string }>(
      url,
      "select encode(spec, 'hex') || ' ' || encode(content, 'hex') as spec from resources where type = 'MeshGadget' and not deleted order by export_name",
    )
  ).map(({ spec }) => spec)
const settled = async (...planes: readonly Running[]): Promise<void> => {
  await until('all to be in step', async () => (await Promise.all(planes.map(inStep))).every(Boolean), {
    otherwise: () => planes.map((plane) => plane.out).join('\n'),
  })
}

test('SKEW, UNKNOWN: global in the middle knows less than its zones: what they have of it is the same, to the byte, and a reconnect costs nothing', async () => {
  const [globalUrl, eastUrl, westUrl] = [await database(), await database(), await database()]
  let global = await processes.start('global', ['--init', '--database-url', globalUrl])
  const port = String(global.ports.kds)
  const cable = await startTcpProxy({ targetPort: global.ports.kds ?? 0 })
  const zone = (name: string, url: string, dial: number) =>
    processes.start(
      'zone',
      ['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${dial}`],
      newer,
    )
  const east = await zone('east', eastUrl, cable.port)
  const west = await zone('west', westUrl, global.ports.kds ?? 0)
  await settled(global, east, west)
  expect(await putGadget(east, 'zone', 'first')).toMatchObject({ status: 201 })
  await putService(east, 'web')
  await until('west to have it', async () => (await specsIn(westUrl)).length === 1, { otherwise: () => global.out })
  expect(await specsIn(westUrl)).toEqual(await specsIn(eastUrl))
  expect(await specsIn(globalUrl)).toEqual(await specsIn(eastUrl))
  expect(await rawOf(global)).toMatchObject({ total: 1, items: [{ zone: 'east' }] })
  const list = (await ask('GET', `${west.apiUrl}/meshes/default/meshgadgets`)).body as { items: readonly unknown[] }
  expect(list.items).toMatchObject([{ spec: { text: 'first' } }])
  const { body } = await ask('GET', `${global.apiUrl}/_holdfast/types`)
  expect(body).toMatchObject({
    items: [
      { peer: 'east', types: [{ name: 'MeshGadget', known: false, resources: 1 }], refused: [] },
      { peer: 'west', types: [{ name: 'MeshGadget', known: false, resources: 1 }], refused: [] },
    ],
  })

  // The link comes back: nothing of the types is said again, and the proof speaks of the raw ones too.
  await settled(global, east, west)
  const before = (await syncOf(east)).peers[0] as { sessionId?: string }
  cable.cut('reset')
  await until('a new session', async () => {
    const [peer] = (await syncOf(east)).peers as readonly { sessionId?: string; connected: boolean }[]
    return peer?.connected === true && peer.sessionId !== before.sessionId
  })
  await settled(global, east, west)
  const [peer] = (await syncOf(east)).peers as readonly { bytesToProven?: number }[]
  console.log(`SKEW: an idle reconnect with differing type sets took ${peer?.bytesToProven} bytes`)
  expect(peer?.bytesToProven).toBeLessThanOrEqual(2_048)

  // Global dies and comes back: what it was told stands in its store.
  await global.signal('SIGKILL')
  expect(await putGadget(east, 'zone', 'second')).toMatchObject({ status: 200 })
  global = await processes.start('global', ['--database-url', globalUrl, '--kds-port', port])
  await until('west to have the change', async () => (await specsIn(westUrl))[0] === (await specsIn(eastUrl))[0])
  await settled(global, east, west)
  expect(await ask('DELETE', `${east.apiUrl}/meshes/default/meshgadgets/thing`)).toMatchObject({ status: 200 })
  await until('it to be gone everywhere', async () =>
    (await Promise.all([globalUrl, westUrl].map(specsIn))).every((specs) => specs.length === 0),
  )
  await settled(global, east, west)
  for (const plane of [east, west, global]) await plane.signal('SIGTERM')
  await cable.close()
})

test('SKEW, UNKNOWN: a zone that knows less than global keeps what it does not know, over a restart of its own, and loses it with its deletion', async () => {
  const [globalUrl, southUrl] = [await database(), await database()]
  const global = await processes.start('global', ['--init', '--database-url', globalUrl], newer)
  const startSouth = () =>
    processes.start('zone', [
      ...['--zone', 'south', '--database-url', southUrl],
      ...['--global-address', `grpc://127.0.0.1:${global.ports.kds}`],
    ])
  let south = await startSouth()
  await settled(global, south)
  expect(await putGadget(global, 'global', 'rule')).toMatchObject({ status: 201 })
  await until('south to have it', async () => (await specsIn(southUrl)).length === 1, { otherwise: () => south.out })
  expect(await specsIn(southUrl)).toEqual(await specsIn(globalUrl))
  expect(await rawOf(south)).toMatchObject({ total: 1, items: [{ zone: null }] })
  await settled(global, south)
  await south.signal('SIGKILL')
  await putGadget(global, 'global', 'changed')
  south = await startSouth()
  await until('south to have the change', async () => (await specsIn(southUrl))[0] === (await specsIn(globalUrl))[0])
  await settled(global, south)
  expect(south.logged('learned of resource types')).toBe(false)
  await ask('DELETE', `${global.apiUrl}/meshes/default/meshgadgets/thing`)
  await until('it to be gone', async () => (await specsIn(southUrl)).length === 0)
  await settled(global, south)
})
