import { freshDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type CollectedSpan, Collector } from '../testing/collector.js'
import { ask, inStep, Processes, type Running, service, until, vipsOf } from '../testing/process.js'

// One change, followed from the API of its zone over global into another zone: three real processes and a collector.
vi.setConfig({ testTimeout: 120_000 })

let collector: Collector
let processes: Processes
let global: Running
let east: Running
let west: Running
/** Traces nothing: a zone of an installation where nobody has switched it on there yet. */
let north: Running
const headerSecret = 'Bearer only-for-the-collector'

beforeAll(async () => {
  collector = await Collector.start()
  processes = new Processes()
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${headerSecret}`,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  }
  const flags = async () => ['--database-url', (await freshDatabase()).url, '--log-level', 'debug']
  global = await processes.start('global', [...(await flags()), '--init'], env)
  const zone = async (name: string, own: typeof env | undefined) => {
    const address = `grpc://127.0.0.1:${global.ports.kds ?? 0}`
    return processes.start('zone', ['--zone', name, ...(await flags()), '--global-address', address], own)
  }
  east = await zone('east', env)
  west = await zone('west', env)
  north = await zone('north', undefined)
  for (const plane of [east, west, north]) await until('a zone to be in step', () => inStep(plane))
}, 180_000)

afterAll(async () => {
  await processes?.close()
  await collector?.close()
})

async function traced(plane: Running, path: string, body: unknown, traceId: string): Promise<number> {
  const response = await fetch(`${plane.apiUrl}${path}?note=query-is-not-shown`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${'5'.repeat(16)}-01` },
    body: JSON.stringify(body),
  })
  return response.status
}

const inEvery = async (name: string): Promise<boolean> =>
  (await Promise.all([west, north].map(vipsOf))).every((vips) => vips[`east/${name}`] !== undefined)

/** Each span with those that follow from it, as a text: who did what. */
function chain(spans: readonly CollectedSpan[], parent: string): readonly string[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .flatMap((span) => [
      `${span.zone || 'global'}: ${span.name}${span.attributes['holdfast.peer'] === undefined ? '' : ` ${span.attributes['holdfast.peer']}`}`,
      ...chain(spans, span.spanId).map((line) => `  ${line}`),
    ])
    .sort()
}

test('a change of a zone is one trace, from its API over global to its row in another zone', async () => {
  const traceId = 'a'.repeat(32)
  expect(await traced(east, '/meshes/default/meshservices/shop', service('shop'), traceId)).toBe(201)
  await until('both other zones to have it', () => inEvery('shop'))
  await until('all spans', () => collector.of(traceId).length >= 6, {
    otherwise: () => JSON.stringify(chain(collector.of(traceId), '5'.repeat(16)), undefined, 2),
  })
  const spans = collector.of(traceId)
  const lines = (parent: string) => spans.filter((span) => span.parentSpanId === parent)
  const [written] = lines('5'.repeat(16))
  expect(written).toMatchObject({
    service: 'holdfast-zone',
    zone: 'east',
    name: 'PUT /meshes/{mesh}/meshservices/{name}',
    attributes: { 'http.response.status_code': 201, 'holdfast.type': 'MeshService' },
  })
  const [up] = lines(written?.spanId ?? '')
  expect(up).toMatchObject({ zone: 'east', name: 'kds send', attributes: { 'holdfast.channel': 'up' } })
  const [kept] = lines(up?.spanId ?? '')
  expect(kept).toMatchObject({
    service: 'holdfast-global',
    name: 'kds apply',
    attributes: { 'holdfast.peer': 'east', 'holdfast.written_rows': 1 },
  })
  const down = lines(kept?.spanId ?? '')
  expect(down.map(({ name, attributes }) => `${name} ${attributes['holdfast.peer']}`).sort()).toEqual([
    'kds send north',
    'kds send west',
  ])
  const toWest = down.find(({ attributes }) => attributes['holdfast.peer'] === 'west')
  expect(lines(toWest?.spanId ?? '')).toEqual([
    expect.objectContaining({ zone: 'west', name: 'kds apply', failed: false }),
  ])
  expect([...collector.paths]).toEqual(['POST /v1/traces'])
})

test('log lines of its steps carry the ids of the trace, in every process that traces and in no other', async () => {
  const traceId = 'b'.repeat(32)
  expect(await traced(east, '/meshes/default/meshservices/cart', service('cart'), traceId)).toBe(201)
  await until('both other zones to have it', () => inEvery('cart'))
  const linesOf = (plane: Running) => plane.log().filter((line) => line.trace_id === traceId)
  for (const plane of [east, global, west])
    await until('its lines', () => linesOf(plane).some(({ span_id }) => typeof span_id === 'string'))
  await until('its sending to be over', () => linesOf(global).filter(({ msg }) => msg === 'kds send').length === 2)
  expect(linesOf(north)).toEqual([])
})

test('what global refuses of a change is an alarm in its log, with the trace of that change', async () => {
  const traceId = 'e'.repeat(32)
  const limited = { type: 'Zone', name: 'east', labels: { 'holdfast.io/quota-bytes': '1' } }
  expect((await ask('PUT', `${global.apiUrl}/zones/east`, limited)).status).toBeLessThan(300)
  expect(await traced(east, '/meshes/default/meshservices/too-much', service('too-much'), traceId)).toBe(201)
  const told = () =>
    global.log().find(({ level, msg }) => level === 40 && msg.startsWith('refused MeshService too-much'))
  await until('global to tell of it', () => told() !== undefined, { otherwise: () => global.out.slice(-4_000) })
  expect(told()).toMatchObject({ trace_id: traceId, peer: 'zone east' })
  const unlimited = { type: 'Zone', name: 'east' }
  expect((await ask('PUT', `${global.apiUrl}/zones/east`, unlimited)).status).toBeLessThan(300)
})

test('who asks without a trace begins one; a change that changes nothing is followed no further', async () => {
  const before = collector.spans.length
  const again = await fetch(`${east.apiUrl}/meshes/default/meshservices/shop`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', traceparent: 'not-a-trace' },
    body: JSON.stringify(service('shop')),
  })
  expect(again.status).toBe(200)
  await until('its span', () => collector.spans.slice(before).some(({ name }) => name.startsWith('PUT')))
  const root = collector.spans.slice(before).find(({ name }) => name.startsWith('PUT'))
  expect(root?.parentSpanId).toBe('')
  // Something that is followed comes after it on every stream: what had been sent for it would be here by then.
  const traceId = 'c'.repeat(32)
  expect(await traced(east, '/meshes/default/meshservices/last', service('last'), traceId)).toBe(201)
  await until('all spans', () => collector.of(traceId).length >= 6)
  expect(collector.of(root?.traceId ?? '')).toHaveLength(1)
})

test('no secret, no body, no query and no name of a resource goes to the collector', async () => {
  const traceId = 'd'.repeat(32)
  const data = Buffer.from('the-value-of-the-secret').toString('base64')
  const body = { type: 'Secret', mesh: 'default', name: 'api-key-of-shop', data }
  expect(await traced(global, '/meshes/default/secrets/api-key-of-shop', body, traceId)).toBe(201)
  await until('its spans of all zones', () => collector.of(traceId).length >= 6, {
    otherwise: () => JSON.stringify(chain(collector.of(traceId), '5'.repeat(16)), undefined, 2),
  })
  expect(chain(collector.of(traceId), '5'.repeat(16))).toHaveLength(6)
  const said = collector.bodies.join('\n')
  for (const secret of [data, 'the-value-of-the-secret', 'api-key-of-shop', 'query-is-not-shown', headerSecret])
    expect(said).not.toContain(secret)
  for (const plane of [global, east, west]) expect(plane.out).not.toContain(headerSecret)
})
