import {
  displayNameLabel,
  encodeKumaResource,
  envLabel,
  hashedName,
  kumaResourceTypeUrl,
  kumaVersion,
  meshLabel,
  originLabel,
  utf8,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { DeltaDiscoveryRequest } from '@holdfast/proto'
import type { Talk } from '../peer/visit.js'
import { broken, endText, type Finding, kept, some, undecided, type Verdict } from '../report.js'
import { acknowledging, type Patience } from './join.js'
import { seenIn } from './lists.js'

const mesh = 'default'
const type = 'MeshService'
const generatorType = 'HostnameGenerator'
const spec =
  '{"selector":{"dataplaneTags":{"kuma.io/service":"conformance"}},"ports":[{"port":80,"targetPort":80,"appProtocol":"http"}]}'
/** Addresses of a zone are its own; the other zones must not hear of them. */
const status = '{"vips":[{"ip":"241.255.255.254"}],"tls":{},"dataplaneProxies":{}}'

const unanswered = 'no answer'

interface Made {
  readonly key: string
  readonly offer: {
    readonly name: string
    readonly version: string
    readonly resource: { readonly typeUrl: string; readonly value: Uint8Array }
  }
}

/** A HostnameGenerator that nobody can use: it selects nothing, and its template ends in the middle. */
function badGenerator(zone: string): Made {
  const name = 'conformance-bad'
  const labels = { [displayNameLabel]: name, [originLabel]: 'zone', [zoneLabel]: zone }
  const hashed = hashedName('', name, zone)
  const value = encodeKumaResource({
    name: hashed,
    mesh: '',
    labels,
    typeUrl: '',
    spec: utf8('{"selector":{},"template":"{{"}'),
  })
  const key = wireKey('', hashed)
  return { key, offer: { name: key, version: kumaVersion(value), resource: { typeUrl: kumaResourceTypeUrl, value } } }
}

/** A MeshService as `zone` would send it, said to be of `claimed`. */
function service(name: string, zone: string, claimed = zone): Made {
  const labels = {
    [displayNameLabel]: name,
    [envLabel]: 'universal',
    [meshLabel]: mesh,
    [originLabel]: 'zone',
    [zoneLabel]: claimed,
  }
  const hashed = hashedName(mesh, name, zone)
  const value = encodeKumaResource({
    name: hashed,
    mesh,
    labels,
    typeUrl: '',
    spec: utf8(spec),
    status: utf8(status),
  })
  const key = wireKey(mesh, hashed)
  return { key, offer: { name: key, version: kumaVersion(value), resource: { typeUrl: kumaResourceTypeUrl, value } } }
}

/**
 * One zone offers a service and takes it back, another one looks on. Writes to the peer, and leaves nothing of it behind.
 * @param writer must have a name in the peer's eyes already, or get one by joining
 */
export async function across(writer: Talk, reader: Talk, patience: Patience): Promise<readonly Finding[]> {
  const { withinMs, quietMs } = patience
  for (const visit of [writer, reader]) {
    visit.open('up')
    visit.open('down')
    acknowledging(visit)
    visit.subscribe([type, 'Mesh'])
  }
  const { make, answerTo, provide } = providing(writer, withinMs)
  // Every type that is asked for gets its first list: before that nothing of it can be a change.
  provide()
  const joined = await writer.level.reached(
    () => writer.up.messages.some((request) => request.typeUrl === type && request.responseNonce === ''),
    withinMs,
  )
  const listed = (wanted: string): boolean => reader.down.messages.some(({ typeUrl }) => typeUrl === wanted)
  await reader.level.reached(() => listed(type) && listed('Mesh'), withinMs)
  const rules = [
    ['store-then-ack', 'must', 'what a zone offers is kept and acknowledged'],
    ['reaches-others', 'must', 'a service of one zone reaches the others'],
    ['attribution', 'must', 'a resource is of the zone that sends it, whatever it says of itself'],
    ['status-stays', 'must', "other zones do not hear of a zone's addresses"],
    ['no-echo', 'must', 'a zone does not get back what is its own'],
    ['refuses-alone', 'must', 'what is invalid is refused, and the stream goes on'],
    ['removal', 'must', 'what a zone takes back is removed in the others'],
  ] as const
  const findings = (verdicts: readonly Verdict[]): readonly Finding[] =>
    rules.map(([id, level, rule], i) => ({ id, level, rule, ...(verdicts[i] ?? undecided('it did not come to that')) }))
  const meshes = seenIn(reader.down.messages)
    .filter((one) => one.type === 'Mesh')
    .map(({ key }) => key)
  if (!joined) return findings([broken(`global does not ask for ${type}`)])
  if (!meshes.includes(`${mesh}.`))
    return findings([undecided(`there is no Mesh ${mesh} to write to: apply one at global, and check again`)])

  const honest = service('conformance-web', writer.zone)
  const acked = await answerTo(make([honest], []))
  if (acked !== 'acked') return findings([broken(`${honest.key}: ${acked}`)])
  const atReader = (key: string) => seenIn(reader.down.messages).filter((one) => one.type === type && one.key === key)
  const arrived = await reader.level.reached(() => atReader(honest.key).length > 0, withinMs)
  const there = atReader(honest.key)[0]?.parts

  // Says that it is of the reader: a global that believed it would delete the reader's own by it.
  const liar = service('conformance-liar', writer.zone, reader.zone)
  const lied = await answerTo(make([liar], []))
  await reader.level.reached(() => atReader(liar.key).length > 0, withinMs)
  const lie = atReader(liar.key)[0]?.parts

  const invalid = badGenerator(writer.zone)
  const refusal = await answerTo(make([invalid], [], generatorType), generatorType)
  await answerTo(make([], [invalid.key], generatorType), generatorType)

  const gone = await answerTo(make([], [honest.key, liar.key]))
  const removed = (key: string): boolean =>
    reader.down.messages.some(({ removedResources }) => removedResources.includes(key))
  const wasRemoved = arrived && (await reader.level.reached(() => removed(honest.key), withinMs))
  await writer.level.quiet(() => writer.down.messages.length, quietMs, quietMs)
  const echoes = seenIn(writer.down.messages).filter((one) => one.key === honest.key || one.key === liar.key)
  const text = there?.status === undefined ? '' : Buffer.from(there.status).toString('utf8')

  return findings([
    kept(`${honest.key} is acknowledged, with its nonce`),
    arrived ? kept(`it came as ${honest.key}`) : broken(`${honest.key} did not come within ${withinMs} ms`),
    lied !== 'acked'
      ? kept(`${liar.key}: ${lied}`)
      : lie === undefined
        ? undecided(`${liar.key} is acknowledged, and not passed on within ${withinMs} ms`)
        : lie.labels[zoneLabel] === writer.zone
          ? kept(`${zoneLabel} is ${writer.zone}, which it had said to be ${reader.zone}`)
          : broken(`${zoneLabel} is ${lie.labels[zoneLabel] ?? 'not there'}, and ${writer.zone} had sent it`),
    !arrived
      ? undecided(`${honest.key} did not come, and no status of it`)
      : text.includes('vips')
        ? broken(`${honest.key} came with status ${text}`)
        : kept(`${honest.key} came with ${text === '' ? 'no status' : `status ${text}`}`),
    echoes.length === 0
      ? kept(`neither ${honest.key} nor ${liar.key} came back`)
      : broken(`${some(echoes.map(({ key }) => key))} came back`),
    writer.up.end !== undefined
      ? broken(endText('ZoneToGlobalSync', writer.up.end))
      : refusal === 'acked'
        ? broken(`a ${generatorType} without a selector, with half a template, was acknowledged`)
        : refusal.startsWith(unanswered)
          ? broken(`a ${generatorType} without a selector: ${refusal}`)
          : kept(`${invalid.key}: ${refusal}`),
    gone !== 'acked'
      ? broken(`the removal of ${honest.key}: ${gone}`)
      : wasRemoved
        ? kept(`${honest.key} is among removed_resources`)
        : broken(`${honest.key} was not removed within ${withinMs} ms`),
  ])
}

/** The sending end of a zone, one response of a type at a time. */
function providing(writer: Talk, withinMs: number) {
  let nonce = 0
  let answered = 0
  const provide = (): void =>
    writer.level.onChange(() => {
      const { messages } = writer.up
      while (answered < messages.length) {
        const request = messages[answered]
        answered += 1
        if (request === undefined || request.responseNonce !== '') continue
        nonce += 1
        writer.offer({ typeUrl: request.typeUrl, nonce: String(nonce), resources: [] })
      }
    })
  const make = (added: readonly Made[], removed: readonly string[], typeUrl = type): string => {
    nonce += 1
    writer.offer({
      typeUrl,
      nonce: String(nonce),
      resources: added.map(({ offer }) => offer),
      removedResources: [...removed],
    })
    return String(nonce)
  }
  const answerTo = async (said: string, ofType = type): Promise<string> => {
    const answer = (): DeltaDiscoveryRequest | undefined =>
      writer.up.messages.find(({ typeUrl, responseNonce }) => typeUrl === ofType && responseNonce === said)
    await writer.level.reached(() => answer() !== undefined || writer.up.end !== undefined, withinMs)
    const found = answer()
    if (found === undefined)
      return writer.up.end === undefined
        ? `${unanswered} within ${withinMs} ms`
        : `${unanswered}, and ${endText('ZoneToGlobalSync', writer.up.end)}`
    return found.errorDetail === undefined
      ? 'acked'
      : `refused ${found.errorDetail.message === '' ? 'without a word' : `with: ${found.errorDetail.message}`}`
  }
  return { make, answerTo, provide }
}
