import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import {
  decodeKumaResource,
  displayNameLabel,
  exportName,
  meshLabel,
  originLabel,
  typeOf,
  typesSentDownToKuma,
  typesSentUp,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { anyResourceOf } from '@holdfast/model/testing'
import type { LocalChange } from '@holdfast/store'
import { type CrudePeer, startCrudeGlobal, startCrudeZone, startFakeKumaZone, wireResource } from '@holdfast/testkit'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { closing } from '../testing/closing.js'
import { eager, put, putService, servicesOf, startGlobal, startZone, until, type ZonePlane } from '../testing/mesh.js'

// Each way to make a Kuma global refuse something, close a stream or die by accident, at a peer that notes every word of
// our zone and says nothing by itself; at the end, what our global owes a Kuma zone.
vi.setConfig({ testTimeout: 120_000 })

const { closes } = closing()

const node = { id: 'east' }
const upTypes = typesSentUp.filter(({ internal }) => !internal)
type Response = CrudePeer['zoneToGlobal']['responses'][number]
const keysOf = (said: Response): readonly string[] => said.resources.map(({ name }) => name)
const has = (said: Response, prefix: string): boolean => keysOf(said).some((key) => key.startsWith(prefix))
const partsOf = (said: Response) =>
  said.resources.map(({ resource }) => decodeKumaResource(resource?.value ?? new Uint8Array(0)))

/** A zone with one service, `web`, whose global says what it is told to. */
class Scene {
  readonly east: ZonePlane
  #peer: CrudePeer
  readonly #peers: () => readonly CrudePeer[]

  private constructor(east: ZonePlane, peer: CrudePeer, peers: () => readonly CrudePeer[]) {
    this.east = east
    this.#peer = peer
    this.#peers = peers
  }

  static async open(): Promise<Scene> {
    const global = await startCrudeGlobal()
    closes(async () => global.close())
    const east = await startZone('east', global.port, { backoff: eager })
    closes(() => east.close())
    await until('a local mesh', async () => (await putService(east, 'web').catch(() => 0)) !== 0, 60_000)
    // Its status goes up with it.
    const isWhole = async () => (await servicesOf(east)).get('east/web')?.vips.length === 1
    await until('its service to have an address', isWhole, 60_000)
    return new Scene(east, await newest(global.peers, undefined), global.peers)
  }

  get down() {
    return this.#peer.globalToZone
  }

  get up() {
    return this.#peer.zoneToGlobal
  }

  /** The zone dials anew: streams on which nothing was said. */
  async again(): Promise<void> {
    this.east.proxy.cut('reset')
    await this.east.proxy.restore()
    this.#peer = await newest(this.#peers, this.#peer)
  }

  ask(typeUrl: string): void {
    this.up.request({ node, typeUrl, resourceNamesSubscribe: ['*'] })
  }

  ack({ typeUrl, nonce }: Response): void {
    this.up.request({ node, typeUrl, responseNonce: nonce })
  }

  nack({ typeUrl, nonce }: Response): void {
    const errorDetail = { message: 'no' }
    this.up.request({ node, typeUrl, responseNonce: nonce, resourceNamesSubscribe: ['*'], errorDetail })
  }

  /** The n-th response of a type on this stream, once it is there. */
  async response(type: string, n: number): Promise<Response> {
    const find = () => this.up.responses.filter(({ typeUrl }) => typeUrl === type)[n - 1]
    await until(`response ${n} of ${type}`, () => find() !== undefined, 60_000)
    const found = find()
    if (found === undefined) throw new Error(`no response ${n} of ${type}`)
    return found
  }

  count(type: string): number {
    return this.up.responses.filter(({ typeUrl }) => typeUrl === type).length
  }

  /** Something of a type that nothing else here is of: it comes behind all that was to be said before. */
  async fence(n: number): Promise<void> {
    const to = [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: `${n}s` } }]
    await put(this.east, '/meshes/default/meshtimeouts/fence', {
      type: 'MeshTimeout',
      mesh: 'default',
      name: 'fence',
      labels: { [originLabel]: 'zone' },
      spec: { targetRef: { kind: 'Mesh' }, to },
    })
  }

  /** Puts many services at once. */
  async many(names: readonly string[], labels: Readonly<Record<string, string>>): Promise<void> {
    const items = names.map((name) => ({
      type: 'MeshService',
      mesh: 'default',
      name,
      labels: { [originLabel]: 'zone', ...labels },
      spec: { selector: { dataplaneLabels: { matchLabels: { app: name } } }, ports: [{ port: 80, targetPort: 80 }] },
    }))
    await this.apply(items)
  }

  async apply(items: readonly object[]): Promise<void> {
    const { statusCode, body } = await this.east.api.inject({
      method: 'POST',
      url: '/_apply',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ items }),
    })
    expect([statusCode, statusCode === 200 ? '' : body.slice(0, 300)]).toEqual([200, ''])
  }
}

/** The newest connection, on which the zone has asked for everything. */
async function newest(peers: () => readonly CrudePeer[], before: CrudePeer | undefined): Promise<CrudePeer> {
  let found: CrudePeer | undefined
  const isThere = (): boolean => {
    found = peers().at(-1)
    return (
      found?.globalToZone !== before?.globalToZone &&
      (found?.globalToZone.requests.length ?? 0) >= typesSentDownToKuma.length
    )
  }
  await until('the zone to ask', isThere, 60_000)
  if (found === undefined) throw new Error('nobody is there')
  return found
}

test('a node in every request: whole in the first of each type, the name alone in an answer', async () => {
  const { down } = await Scene.open()
  const first = down.requests.slice(0, typesSentDownToKuma.length)
  expect(first.map(({ typeUrl }) => typeUrl).sort()).toEqual(typesSentDownToKuma.map(({ name }) => name).sort())
  for (const { node: said, responseNonce, resourceNamesSubscribe, initialResourceVersions } of first) {
    expect([said?.id, responseNonce, resourceNamesSubscribe, initialResourceVersions]).toEqual(['east', '', ['*'], {}])
    expect(Object.keys(said?.metadata ?? {}).sort()).toEqual(['config', 'control-plane-id', 'features', 'version'])
    // A Kuma global shows the configuration, and reads it as JSON for that.
    expect(JSON.parse(String(said?.metadata?.config))).toEqual(expect.any(Object))
    expect(said?.metadata?.features).toEqual(expect.arrayContaining(['zone-token', 'hash-suffix']))
  }
  const answers = () => down.requests.filter(({ responseNonce }) => responseNonce !== '')
  down.response({ typeUrl: 'MeshRetry', nonce: 'good' })
  const labels = { [originLabel]: 'global', [displayNameLabel]: 'bad', [meshLabel]: 'default' }
  const bad = { name: 'bad', mesh: 'default', labels, typeUrl: '', spec: utf8('{}') }
  down.response({ typeUrl: 'MeshRetry', nonce: 'bad', resources: [wireResource(bad)] })
  await until('both answers', () => answers().length >= 2)
  const shown = answers().map((one) => [one.node?.id, one.node?.metadata, one.responseNonce, one.errorDetail?.code])
  // Of a refusal a Kuma says a message, and 0 as its code.
  expect(shown).toEqual([
    ['east', undefined, 'good', undefined],
    ['east', undefined, 'bad', 0],
  ])
  expect(answers().map((one) => one.resourceNamesSubscribe)).toEqual([[], ['*']])
})

test('features are values of their own on the wire: joined ones are none to a Kuma, which would name everything otherwise', async () => {
  let raw: readonly string[] = []
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, _headers: object, _flags: number, rawHeaders: readonly string[]) => {
    if (raw.length === 0) raw = rawHeaders
    stream.on('error', () => {})
    stream.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closes(() => new Promise((resolve) => server.close(resolve)))
  const zone = await startZone('raw', (server.address() as AddressInfo).port, { backoff: eager })
  closes(() => zone.close())
  await until('headers', () => raw.length > 0, 30_000)
  const values = (name: string) => raw.filter((_value, i) => i % 2 === 1 && raw[i - 1] === name)
  expect(values('features').slice(0, 2)).toEqual(['zone-ping-health', 'hash-suffix'])
  expect([values('client-id'), values('kds-version')]).toEqual([['raw'], ['v3']])
})

test('each initial request is answered, also for a type that nobody has, before anything is acknowledged; no nonce is empty or comes twice', async () => {
  const scene = await Scene.open()
  const asked = [...upTypes.map(({ name }) => name), 'FromTheFuture']
  for (const type of asked) scene.ask(type)
  for (const type of asked) await scene.response(type, 1)
  const { responses } = scene.up
  expect(responses.map(({ typeUrl }) => typeUrl).sort()).toEqual(asked.toSorted())
  expect(new Set(responses.map(({ nonce }) => nonce).filter((nonce) => nonce !== '')).size).toBe(responses.length)
  expect(new Set(responses.map(({ controlPlane }) => controlPlane?.identifier))).toEqual(new Set(['east']))
  expect(responses.flatMap(({ removedResources }) => removedResources)).toEqual([])
})

test('what was not asked for is not said: a Kuma ends its stream over a type that it does not know', async () => {
  const scene = await Scene.open()
  scene.ask('MeshTimeout')
  const first = await scene.response('MeshTimeout', 1)
  await putService(scene.east, 'unasked')
  await scene.fence(1)
  scene.ack(first)
  expect(has(await scene.response('MeshTimeout', 2), 'fence-')).toBe(true)
  expect(new Set(scene.up.responses.map(({ typeUrl }) => typeUrl))).toEqual(new Set(['MeshTimeout']))
})

test('the first response of a type is all of it, in one piece and on every stream anew: what is not in it a Kuma deletes', async () => {
  const scene = await Scene.open()
  await scene.many(
    Array.from({ length: 2_500 }, (_x, i) => `many-${i}`),
    { 'example.com/long': 'x'.repeat(60) },
  )
  for (const turn of [1, 2]) {
    await scene.again()
    scene.ask('MeshService')
    const said = await scene.response('MeshService', 1)
    const bytes = said.resources.reduce((sum, { resource }) => sum + (resource?.value.byteLength ?? 0), 0)
    // Towards Holdfast this would be cut in two.
    expect([turn, bytes > 1 << 20, said.resources.length, new Set(keysOf(said)).size]).toEqual([
      turn,
      true,
      2_501,
      2_501,
    ])
  }
})

test('one response of a type is under way at a time, and no key stands twice in one: what changes meanwhile comes behind the answer, once', async () => {
  const scene = await Scene.open()
  for (const type of ['MeshService', 'MeshTimeout']) scene.ask(type)
  const [first, timeouts] = [await scene.response('MeshService', 1), await scene.response('MeshTimeout', 1)]
  expect(has(first, 'web-')).toBe(true)
  for (const port of [81, 82, 83]) await putService(scene.east, 'web', port)
  await putService(scene.east, 'cart')
  scene.ack(timeouts)
  expect(scene.count('MeshService')).toBe(1)
  scene.ack(first)
  const second = await scene.response('MeshService', 2)
  expect([
    second.removedResources,
    keysOf(second)
      .map((key) => key.split('-')[0])
      .sort(),
  ]).toEqual([[], ['cart', 'web']])
  expect(
    second.resources.every(({ resource }) => !/"port":8[12]\D/.test(Buffer.from(resource?.value ?? []).toString())),
  ).toBe(true)
})

test('what a Kuma refuses is no new subscription and does not come again with the next change', async () => {
  const scene = await Scene.open()
  scene.ask('MeshService')
  scene.nack(await scene.response('MeshService', 1))
  await putService(scene.east, 'cart')
  const second = await scene.response('MeshService', 2)
  expect(keysOf(second).map((key) => key.split('-')[0])).toEqual(['cart'])
  // Changed, it is offered again.
  scene.ack(second)
  await putService(scene.east, 'web', 81)
  expect(has(await scene.response('MeshService', 3), 'web-')).toBe(true)
})

test('a spec is never missing, JSON is never empty and has no type URL, a message has that of its type; all of it is of this zone', async () => {
  const scene = await Scene.open()
  const changes = upTypes.flatMap((type) => {
    const made = fc.sample(anyResourceOf(type, 'east'), { numRuns: 3, seed: 20_260 })
    const byName = new Map(made.map((each) => [each.labels[displayNameLabel] ?? each.name, each]))
    return [...byName].map(
      ([displayName, { mesh, labels, typeUrl, spec }]): LocalChange => ({
        change: 'put',
        key: { type: type.name, mesh, name: displayName },
        content: { labels, typeUrl, spec },
        namespace: '',
        displayName,
        wantsVip: false,
      }),
    )
  })
  const outcomes = await scene.east.store.local.apply(
    { changes, atomic: false, actor: 'test' },
    { signal: AbortSignal.timeout(30_000) },
  )
  expect(outcomes.length).toBe(changes.length)
  await scene.again()
  for (const { name } of upTypes) scene.ask(name)
  let seen = 0
  for (const type of upTypes) {
    const said = await scene.response(type.name, 1)
    for (const { labels, spec, typeUrl, status, name, mesh } of partsOf(said)) {
      seen += 1
      expect([type.name, name, labels[originLabel], labels[zoneLabel]]).toEqual([type.name, name, 'zone', 'east'])
      expect([type.name, typeUrl]).toEqual([type.name, type.encoding.kind === 'json' ? '' : type.encoding.typeUrl])
      if (type.encoding.kind === 'json') expect(JSON.parse(Buffer.from(spec).toString())).toEqual(expect.any(Object))
      if (status !== undefined) expect(JSON.parse(Buffer.from(status).toString())).toEqual(expect.any(Object))
      const display = labels[displayNameLabel] ?? name
      expect(name).toBe(exportName(typeOf(type.name), mesh, display, labels))
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(253)
    }
  }
  expect(seen).toBeGreaterThan(upTypes.length)
})

test('what is kept to this control plane is not sent', async () => {
  const scene = await Scene.open()
  scene.ask('MeshService')
  scene.ack(await scene.response('MeshService', 1))
  await scene.many(['secret'], { 'kuma.io/kds-sync': 'disabled' })
  await putService(scene.east, 'cart')
  expect(keysOf(await scene.response('MeshService', 2)).map((key) => key.split('-')[0])).toEqual(['cart'])
})

test('a list that passes the 10 MiB of a Kuma is not sent: it would end the stream for ever; every other type goes on', async () => {
  const scene = await Scene.open()
  await scene.apply(
    Array.from({ length: 11 }, (_x, i) => ({
      type: 'MeshAccessLog',
      mesh: 'default',
      name: `large-${i}`,
      labels: { [originLabel]: 'zone' },
      spec: {
        targetRef: { kind: 'Mesh' },
        to: [
          {
            targetRef: { kind: 'Mesh' },
            default: {
              backends: [
                { type: 'File', file: { path: '/dev/stdout', format: { type: 'Plain', plain: 'x'.repeat(1 << 20) } } },
              ],
            },
          },
        ],
      },
    })),
  )
  await scene.again()
  for (const type of ['MeshAccessLog', 'MeshService']) scene.ask(type)
  scene.ack(await scene.response('MeshService', 1))
  const told = () => scene.east.runtime.view()?.channels.flatMap(({ lastError }) => lastError ?? []) ?? []
  await until('the zone to say so', () => told().some((words) => /^all MeshAccessLog together/.test(words)), 60_000)
  expect(told().find((words) => /MeshAccessLog/.test(words))).toMatch(
    /^all MeshAccessLog together have 11\d{6} bytes and a Kuma receives 10\d{6} in one message: /,
  )
  await putService(scene.east, 'cart')
  expect(has(await scene.response('MeshService', 2), 'cart-')).toBe(true)
  expect([scene.count('MeshAccessLog'), scene.up.ended(), scene.down.ended()]).toEqual([0, undefined, undefined])
})

test('a global that says nothing yet is waited for, and what comes before its mesh is kept', async () => {
  const scene = await Scene.open()
  const labels = { [originLabel]: 'global', [zoneLabel]: 'north', [displayNameLabel]: 'early', [meshLabel]: 'shop' }
  const name = exportName(typeOf('MeshService'), 'shop', 'early', labels)
  const early = { name, mesh: 'shop', labels, typeUrl: '', spec: utf8('{"selector":{},"ports":[{"port":80}]}') }
  scene.down.response({ typeUrl: 'MeshService', nonce: '1', resources: [wireResource(early)] })
  const answer = () => scene.down.requests.find(({ responseNonce }) => responseNonce === '1')
  await until('an answer', () => answer() !== undefined)
  expect(answer()?.errorDetail).toBeUndefined()
  const kept = await scene.east.store.read.list({ type: 'MeshService', mesh: 'shop', offset: 0, limit: 10 })
  expect(kept.items.map(({ displayName }) => displayName)).toEqual(['early'])
  // Of what nothing was said about, everything is as it was.
  expect((await servicesOf(scene.east)).has('east/web')).toBe(true)
  expect(scene.down.ended()).toBeUndefined()
})

test('a stream that ends without an error is no end to a Kuma zone: it dials again at once, all of them together; a global of ours that stops ends with one', async () => {
  const global = await startGlobal()
  let closed = false
  closes(async () => (closed ? undefined : global.close()))
  const zone = startCrudeZone({ target: `127.0.0.1:${global.port}`, zone: 'north' })
  closes(async () => zone.close())
  const codes = () => [zone.globalToZone.ended()?.code, zone.zoneToGlobal.ended()?.code]
  await until('global to ask', () => zone.zoneToGlobal.requests.length === upTypes.length, 30_000)
  expect(codes()).toEqual([undefined, undefined])
  await global.close()
  closed = true
  await until('both streams to end', () => codes().every((code) => code !== undefined), 30_000)
  expect(codes()).toEqual([14, 14])
})

test('VIP-2: labels of a service that vanish for one version, as a Kuma zone says it: nothing is deleted, renamed or addressed anew', async () => {
  const global = await startGlobal()
  closes(() => global.close())
  const kuma = startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'north' })
  closes(async () => kuma.stop())
  const whole = {
    [originLabel]: 'zone',
    [zoneLabel]: 'north',
    [displayNameLabel]: 'web',
    [meshLabel]: 'default',
    'kuma.io/env': 'universal',
    team: 'a',
  }
  const { [meshLabel]: _mesh, 'kuma.io/env': _env, team: _team, ...gap } = whole
  const name = exportName(typeOf('MeshService'), 'default', 'web', whole)
  const say = (labels: Readonly<Record<string, string>>, port: number) =>
    kuma.put('MeshService', {
      ...{ name, mesh: 'default', labels, typeUrl: '' },
      spec: utf8(`{"selector":{"dataplaneTags":{"app":"web"}},"ports":[{"port":${port},"targetPort":80}]}`),
    })
  const seen = async () => {
    const { items } = (await global.api.inject('/meshservices?size=10')).json<{
      readonly items: readonly {
        readonly name: string
        readonly spec: { readonly ports: readonly { readonly port: number }[] }
      }[]
    }>()
    return items.map((item) => [item.name, item.spec.ports[0]?.port])
  }
  const vips = async () => [...(await servicesOf(global)).values()].map((service) => service.vips)
  say(whole, 80)
  await until('it to have its addresses', async () => (await vips())[0]?.length === 2, 30_000)
  const before = await vips()
  for (const [labels, port] of [
    [gap, 81],
    [whole, 82],
  ] as const) {
    say(labels, port)
    await until(`version ${port}`, async () => (await seen())[0]?.[1] === port, 30_000)
    expect([await seen(), await vips()]).toEqual([[[name, port]], before])
  }
  expect([kuma.ended(), kuma.verdicts().filter(({ refusal }) => refusal !== undefined)]).toEqual([undefined, []])
})
