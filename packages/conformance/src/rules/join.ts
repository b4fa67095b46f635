import { typesSentDownToKuma, typesSentUp } from '@holdfast/model'
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '@holdfast/proto'
import type { Heard, Talk } from '../peer/visit.js'
import { broken, endText, type Finding, kept, some, undecided, type Verdict } from '../report.js'
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
export function acknowledging(visit: Talk): { readonly acked: () => number } {
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
export function providingNothing(visit: Talk): void {
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
export async function join(visit: Talk, { withinMs, quietMs }: Patience): Promise<readonly Finding[]> {
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

function speaksFirst({ up }: Talk): Verdict {
  const types = new Set(up.messages.filter(({ responseNonce }) => responseNonce === '').map(({ typeUrl }) => typeUrl))
  if (up.end !== undefined) return broken(endText('ZoneToGlobalSync', up.end))
  if (types.size === 0) return broken('no request came on ZoneToGlobalSync')
  const missing = ['Dataplane', 'DataplaneInsight', 'MeshService', 'HostnameGenerator'].filter(
    (type) => !types.has(type),
  )
  if (missing.length > 0) return broken(`global does not ask for ${missing.join(', ')}`)
  return kept(`${types.size} types, headers after ${up.headersAtMs} ms, first request after ${up.firstAtMs} ms`)
}

function nodes({ up, zone }: Talk): Verdict {
  if (up.messages.length === 0) return undecided('no request was received')
  const wrong = problems(up.messages, (request) => nodeProblem(request, zone))
  return wrong.length === 0 ? kept(`${up.messages.length} requests, node "${zone}"`) : broken(some(wrong))
}

function nodeProblem({ node, typeUrl }: DeltaDiscoveryRequest, zone: string): string | undefined {
  if (node?.id === zone) return undefined
  return `a request for ${typeUrl} has ${node === undefined ? 'no node' : `node "${node.id}"`}`
}

function asksOnce({ up }: Talk): Verdict {
  const initial = up.messages.filter(({ responseNonce }) => responseNonce === '')
  if (initial.length === 0) return undecided('no request was received')
  const wrong = problems(initial, namesProblem)
  const again = problems(countsOf(initial.map(({ typeUrl }) => typeUrl)), timesProblem)
  const all = [...wrong, ...again]
  return all.length === 0 ? kept(`${initial.length} initial requests`) : broken(some(all))
}

const namesProblem = ({ typeUrl, resourceNamesSubscribe: names }: DeltaDiscoveryRequest): string | undefined =>
  names.length === 1 && names[0] === '*' ? undefined : `${typeUrl} is asked for by ${JSON.stringify(names)}`

const timesProblem = ([type, count]: Count): string | undefined =>
  count > 1 ? `${type} is asked for ${count} times` : undefined

function acksLists({ up }: Talk): Verdict {
  const offered = up.messages.filter(({ responseNonce }) => responseNonce === '').length
  if (offered === 0) return undecided('global asks for nothing, and so nothing was offered')
  const answers = up.messages.filter(({ responseNonce }) => responseNonce !== '')
  const wrong = [
    ...problems(answers, refusalProblem),
    ...problems(countsOf(answers.map(({ typeUrl, responseNonce }) => `${typeUrl} with nonce ${responseNonce}`)), twice),
  ]
  if (wrong.length > 0) return broken(some(wrong))
  return answers.length >= offered
    ? kept(`${answers.length} empty lists acknowledged`)
    : broken(`${answers.length} of ${offered} lists were answered`)
}

const refusalProblem = ({ typeUrl, errorDetail }: DeltaDiscoveryRequest): string | undefined =>
  errorDetail === undefined ? undefined : `an empty list of ${typeUrl} was refused: ${errorDetail.message}`

const twice = ([list, count]: Count): string | undefined =>
  count > 1 ? `the list of ${list} was answered ${count} times` : undefined

function answersEach({ down }: Talk): Verdict {
  const found = byType(down.messages)
  const missing = askedTypes.filter((type) => !found.has(type))
  if (missing.length > 0) return broken(`no answer to ${some(missing, 6)}`)
  const empty = [...found.values()].filter((responses) => responses[0]?.resources.length === 0).length
  return kept(`${found.size} types, ${empty} of them empty, first answer after ${down.firstAtMs} ms`)
}

export function onlyAsked({ down }: Talk, asked: readonly string[]): Verdict {
  const strays = down.messages.flatMap(({ typeUrl }) => (asked.includes(typeUrl) ? [] : [typeUrl]))
  return strays.length === 0
    ? kept(`${down.messages.length} responses`)
    : broken(`${some(strays)} was sent, and not asked for`)
}

function nonces({ down }: Talk): Verdict {
  if (down.messages.length === 0) return undecided('no response was received')
  const without = down.messages.filter(({ nonce }) => nonce === '').length
  const again = problems(countsOf(down.messages.map(({ nonce }) => nonce)), nonceProblem)
  if (without > 0) return broken(`${without} responses without a nonce cannot be acknowledged`)
  return again.length === 0 ? kept(`${down.messages.length} nonces`) : broken(some(again))
}

const nonceProblem = ([nonce, count]: Count): string | undefined =>
  count > 1 ? `nonce "${nonce}" came ${count} times` : undefined

function wholeFirst({ down }: Talk): Verdict {
  if (down.messages.length === 0) return undecided('no response was received')
  const firsts = [...byType(down.messages)].flatMap(([, [first]]) => first ?? [])
  const wrong = problems(firsts, removalProblem)
  return wrong.length === 0 ? kept(`the first responses of ${firsts.length} types`) : broken(some(wrong))
}

const removalProblem = ({ typeUrl, removedResources: removed }: DeltaDiscoveryResponse): string | undefined =>
  removed.length === 0 ? undefined : `the first response of ${typeUrl} removes ${some(removed)}`

function quiet(wasQuiet: boolean, after: number, acked: number, quietMs: number): Verdict {
  if (wasQuiet && after === 0) return kept(`${acked} responses acknowledged, then ${quietMs} ms of silence`)
  if (wasQuiet)
    return undecided(`${after} more responses before it was silent; check again while nobody changes the mesh`)
  return undecided('it was never silent; check again while nobody changes the mesh')
}

function healthy(answer: Awaited<ReturnType<Talk['health']>>): Verdict {
  if ('intervalMs' in answer)
    return kept(answer.intervalMs === 0 ? 'it leaves the interval to the zone' : `every ${answer.intervalMs} ms`)
  return answer.code === 'UNIMPLEMENTED'
    ? kept('it is not there, which a zone can live with')
    : broken(`it failed with ${answer.code}: ${answer.details}`)
}

function keptOpen(visit: Talk): Verdict {
  const wrong = problems(admin, (stream) => adminProblem(stream, visit.heard(stream)))
  const open = admin.filter((stream) => visit.heard(stream).end === undefined).length
  return wrong.length === 0 ? kept(`${open} of ${admin.length} are kept open`) : broken(some(wrong))
}

function adminProblem(stream: string, { end, unreadable }: Heard<unknown>): string | undefined {
  if (unreadable.length > 0) return `the stream of ${stream} carried ${unreadable[0]}`
  return end === undefined || end.code === 'UNIMPLEMENTED' ? undefined : endText(`the stream of ${stream}`, end)
}

function stays({ down, up }: Talk): Verdict {
  const streams = [['GlobalToZoneSync', down] as const, ['ZoneToGlobalSync', up] as const]
  const ended = problems(streams, streamProblem)
  return ended.length === 0 ? kept('to the end of the check') : broken(some(ended))
}

function streamProblem([stream, { end, unreadable }]: readonly [string, Heard<unknown>]): string | undefined {
  if (unreadable.length > 0) return `${stream} carried what is no message: ${unreadable[0]}`
  return end === undefined ? undefined : endText(stream, end)
}

type Count = readonly [what: string, count: number]
function countsOf(all: readonly string[]): readonly Count[] {
  const counts = new Map<string, number>()
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1)
  return [...counts]
}

const problems = <Item>(all: readonly Item[], look: (item: Item) => string | undefined): readonly string[] =>
  all.flatMap((each) => look(each) ?? [])
