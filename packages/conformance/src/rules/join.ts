import { typesSentDownToKuma, typesSentUp } from '@holdfast/model'
import type { DeltaDiscoveryResponse } from '@holdfast/proto'
import type { Visit } from '../peer/visit.js'
import { broken, type Finding, kept, some, undecided, type Verdict } from '../report.js'
import {
  clusterIdOnly,
  keysMatch,
  namesHashed,
  noDuplicates,
  originIsGlobal,
  readable,
  secretsStay,
  seenIn,
  specsFit,
  statusEmpty,
  versionIsHash,
} from './lists.js'

/** How long a check waits for what must come, and how long silence must last to count as such. */
export interface Patience {
  readonly withinMs: number
  readonly quietMs: number
}

/** What a zone of Kuma 2.14 asks for, and what it provides. */
export const askedTypes: readonly string[] = typesSentDownToKuma.map(({ name }) => name)
export const providedTypes: readonly string[] = typesSentUp.filter(({ internal }) => !internal).map(({ name }) => name)

const admin = ['xds', 'stats', 'clusters'] as const

/** Responses by type, in the order in which they came. */
export function byType(
  responses: readonly DeltaDiscoveryResponse[],
): ReadonlyMap<string, readonly DeltaDiscoveryResponse[]> {
  const found = new Map<string, DeltaDiscoveryResponse[]>()
  for (const response of responses) found.set(response.typeUrl, [...(found.get(response.typeUrl) ?? []), response])
  return found
}

/** Acknowledges every response as it comes, from now on. */
export function acknowledging(visit: Visit): { readonly acked: () => number } {
  let acked = 0
  const next = (): void => {
    const { messages } = visit.down
    while (acked < messages.length) {
      const response = messages[acked]
      acked += 1
      if (response !== undefined && response.nonce !== '') visit.ack(response)
    }
  }
  visit.level.onChange(next)
  return { acked: () => acked }
}

/** Answers every initial request of global with an empty list, as a zone that has nothing yet. */
export function providingNothing(visit: Visit): void {
  let answered = 0
  visit.level.onChange(() => {
    const { messages } = visit.up
    while (answered < messages.length) {
      const request = messages[answered]
      answered += 1
      if (request !== undefined && request.responseNonce === '')
        visit.offer({ typeUrl: request.typeUrl, nonce: String(answered), resources: [] })
    }
  })
}

/** A zone joins, as a Kuma zone does: all six calls at once, 45 types asked for, everything answered. */
export async function join(visit: Visit, { withinMs, quietMs }: Patience): Promise<readonly Finding[]> {
  visit.open('up')
  visit.open('down')
  for (const stream of admin) visit.open(stream)
  const health = visit.health()
  const { acked } = acknowledging(visit)
  providingNothing(visit)
  visit.subscribe(askedTypes)
  const answered = (): boolean => visit.down.end !== undefined || byType(visit.down.messages).size >= askedTypes.length
  await visit.level.reached(answered, withinMs)
  const acknowledged = (): boolean =>
    visit.up.end !== undefined || visit.up.messages.filter((r) => r.responseNonce !== '').length >= providedTypes.length
  await visit.level.reached(acknowledged, withinMs)
  const before = visit.down.messages.length
  const wasQuiet = await visit.level.quiet(
    () => visit.down.messages.length + visit.up.messages.length,
    quietMs,
    withinMs,
  )
  const all = seenIn(visit.down.messages)
  return [
    {
      id: 'speaks-first',
      level: 'must',
      rule: 'global asks for what a zone provides without having been asked',
      ...speaksFirst(visit),
    },
    {
      id: 'node-in-requests',
      level: 'must',
      rule: "every request of global has a node with the zone's name",
      ...nodes(visit),
    },
    {
      id: 'asks-once',
      level: 'must',
      rule: 'each type is asked for once, by "*" and without a nonce',
      ...asksOnce(visit),
    },
    {
      id: 'acks-lists',
      level: 'must',
      rule: 'every list of a zone is answered once, with its nonce',
      ...acksLists(visit),
    },
    {
      id: 'answers-each',
      level: 'must',
      rule: 'every type that is asked for is answered, also with an empty list',
      ...answersEach(visit),
    },
    {
      id: 'only-asked',
      level: 'must',
      rule: 'nothing is sent that was not asked for',
      ...onlyAsked(visit, askedTypes),
    },
    { id: 'nonces', level: 'must', rule: 'every response has a nonce of its own', ...nonces(visit) },
    { id: 'whole-first', level: 'must', rule: 'the first response of a type removes nothing', ...wholeFirst(visit) },
    { id: 'readable', level: 'must', rule: 'every resource is a KumaResource', ...readable(all) },
    {
      id: 'keys',
      level: 'should',
      rule: 'the name of a resource is <name>.<mesh> of what is inside',
      ...keysMatch(all),
    },
    { id: 'no-duplicates', level: 'must', rule: 'no list has a resource twice', ...noDuplicates(all) },
    { id: 'specs', level: 'must', rule: 'specs have the type URL or the JSON that their type wants', ...specsFit(all) },
    { id: 'origin', level: 'must', rule: 'everything says that it comes from global', ...originIsGlobal(all) },
    { id: 'names', level: 'must', rule: 'names are hashed of display name, zone and namespace', ...namesHashed(all) },
    { id: 'status', level: 'must', rule: 'no status of anybody else is sent down', ...statusEmpty(all) },
    { id: 'secrets', level: 'must', rule: "global's own secrets stay with it", ...secretsStay(all) },
    {
      id: 'config',
      level: 'should',
      rule: 'of its configuration a global tells its cluster id alone',
      ...clusterIdOnly(all),
    },
    {
      id: 'version',
      level: 'should',
      rule: 'the version of a resource is the SHA-256 of its bytes',
      ...versionIsHash(all),
    },
    {
      id: 'quiet',
      level: 'should',
      rule: 'once everything is acknowledged nothing is sent',
      ...quiet(wasQuiet, visit.down.messages.length - before, acked(), quietMs),
    },
    {
      id: 'health',
      level: 'should',
      rule: 'HealthCheck answers an interval, or is not there',
      ...healthy(await health),
    },
    {
      id: 'admin',
      level: 'should',
      rule: 'the admin streams are kept open and silent, or are not there',
      ...keptOpen(visit),
    },
    { id: 'stays', level: 'must', rule: 'both streams stay open', ...stays(visit) },
  ]
}

function speaksFirst({ up }: Visit): Verdict {
  const types = new Set(up.messages.filter(({ responseNonce }) => responseNonce === '').map(({ typeUrl }) => typeUrl))
  if (up.end !== undefined) return broken(`ZoneToGlobalSync ended with ${up.end.code}: ${up.end.details}`)
  if (types.size === 0) return broken('no request came on ZoneToGlobalSync')
  const missing = ['Dataplane', 'DataplaneInsight', 'MeshService', 'HostnameGenerator'].filter(
    (type) => !types.has(type),
  )
  if (missing.length > 0) return broken(`does not ask for ${missing.join(', ')}`)
  return kept(`${types.size} types, headers after ${up.headersAtMs} ms, first request after ${up.firstAtMs} ms`)
}

function nodes({ up, zone }: Visit): Verdict {
  if (up.messages.length === 0) return undecided('no request was received')
  const wrong = up.messages.flatMap(({ node, typeUrl }) =>
    node?.id === zone ? [] : [`a request for ${typeUrl} has ${node === undefined ? 'no node' : `node "${node.id}"`}`],
  )
  return wrong.length === 0 ? kept(`${up.messages.length} requests, node "${zone}"`) : broken(some(wrong))
}

function asksOnce({ up }: Visit): Verdict {
  const initial = up.messages.filter(({ responseNonce }) => responseNonce === '')
  if (initial.length === 0) return undecided('no request was received')
  const wrong = initial.flatMap(({ typeUrl, resourceNamesSubscribe: names }) =>
    names.length === 1 && names[0] === '*' ? [] : [`${typeUrl} is asked for by ${JSON.stringify(names)}`],
  )
  const counts = new Map<string, number>()
  for (const { typeUrl } of initial) counts.set(typeUrl, (counts.get(typeUrl) ?? 0) + 1)
  const again = [...counts].flatMap(([type, count]) => (count > 1 ? [`${type} is asked for ${count} times`] : []))
  const all = [...wrong, ...again]
  return all.length === 0 ? kept(`${initial.length} initial requests`) : broken(some(all))
}

function acksLists({ up }: Visit): Verdict {
  const offered = up.messages.filter(({ responseNonce }) => responseNonce === '').length
  if (offered === 0) return undecided('nothing was asked for')
  const answers = up.messages.filter(({ responseNonce }) => responseNonce !== '')
  const nacked = answers.flatMap(({ typeUrl, errorDetail }) =>
    errorDetail === undefined ? [] : [`an empty ${typeUrl} was refused: ${errorDetail.message}`],
  )
  const nonces = answers.map(({ responseNonce }) => responseNonce)
  if (nacked.length > 0) return broken(some(nacked))
  if (new Set(nonces).size !== nonces.length) return broken('a list was answered twice')
  return answers.length >= offered
    ? kept(`${answers.length} empty lists acknowledged`)
    : broken(`${answers.length} of ${offered} lists were answered`)
}

function answersEach({ down }: Visit): Verdict {
  const found = byType(down.messages)
  const missing = askedTypes.filter((type) => !found.has(type))
  if (missing.length > 0) return broken(`no answer to ${some(missing, 6)}`)
  const empty = [...found.values()].filter((responses) => responses[0]?.resources.length === 0).length
  return kept(`${found.size} types, ${empty} of them empty, first answer after ${down.firstAtMs} ms`)
}

export function onlyAsked({ down }: Visit, asked: readonly string[]): Verdict {
  const strays = down.messages.flatMap(({ typeUrl }) => (asked.includes(typeUrl) ? [] : [typeUrl]))
  return strays.length === 0 ? kept(`${down.messages.length} responses`) : broken(`sent ${some(strays)}`)
}

function nonces({ down }: Visit): Verdict {
  if (down.messages.length === 0) return undecided('no response was received')
  const without = down.messages.filter(({ nonce }) => nonce === '').length
  const different = new Set(down.messages.map(({ nonce }) => nonce)).size
  if (without > 0) return broken(`${without} responses without a nonce cannot be acknowledged`)
  return different === down.messages.length ? kept(`${different} nonces`) : broken('a nonce came twice')
}

function wholeFirst({ down }: Visit): Verdict {
  if (down.messages.length === 0) return undecided('no response was received')
  const wrong = [...byType(down.messages)].flatMap(([type, [first]]) =>
    first === undefined || first.removedResources.length === 0 ? [] : [`${type} removes ${first.removedResources[0]}`],
  )
  return wrong.length === 0 ? kept('in none') : broken(some(wrong))
}

function quiet(wasQuiet: boolean, after: number, acked: number, quietMs: number): Verdict {
  if (wasQuiet && after === 0) return kept(`${acked} responses acknowledged, then ${quietMs} ms of silence`)
  if (wasQuiet) return undecided(`${after} more responses before it was silent: is the mesh at rest?`)
  return undecided('it was never silent: is the mesh at rest?')
}

function healthy(answer: Awaited<ReturnType<Visit['health']>>): Verdict {
  if ('intervalMs' in answer)
    return kept(answer.intervalMs === 0 ? 'leaves the interval to the zone' : `every ${answer.intervalMs} ms`)
  return answer.code === 'UNIMPLEMENTED' ? kept('is not there') : broken(`${answer.code}: ${answer.details}`)
}

function keptOpen(visit: Visit): Verdict {
  const wrong = admin.flatMap((stream) => {
    const { end, unreadable } = visit.heard(stream)
    if (unreadable.length > 0) return [`${stream}: ${unreadable[0]}`]
    return end === undefined || end.code === 'UNIMPLEMENTED' ? [] : [`${stream} ended with ${end.code}: ${end.details}`]
  })
  const open = admin.filter((stream) => visit.heard(stream).end === undefined).length
  return wrong.length === 0 ? kept(`${open} of ${admin.length} are kept open`) : broken(some(wrong))
}

function stays(visit: Visit): Verdict {
  const ended = (['down', 'up'] as const).flatMap((stream) => {
    const { end, unreadable } = visit.heard(stream)
    if (unreadable.length > 0) return [`${stream} carried what is no message: ${unreadable[0]}`]
    return end === undefined ? [] : [`${stream} ended with ${end.code}: ${end.details}`]
  })
  return ended.length === 0 ? kept('to the end of the check') : broken(some(ended))
}
