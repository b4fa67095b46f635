import { within } from '@holdfast/deadline'
import { Problem, problemOf } from '@holdfast/model'
import type { Owner } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import type { Resources } from '../resources/service.js'
import {
  bucketOfOwner,
  differingBuckets,
  differingMost,
  inBuckets,
  type Parts,
  readSums,
  type SumsReader,
  sumsOf,
} from './claim-sums.js'
import { type ClaimReader, type Claims, claimsAgainst, claimsWhere, readClaims, referenceClaims } from './claims.js'
import { type Disagreement, disagreements, type Party } from './compare.js'
import { type OwnerJson, ownerJson } from './owners.js'
import { askedClaims } from './questions.js'

/** One control plane that was to be asked. */
export interface CheckedJson {
  readonly controlPlane: string
  /** `not asked`: a Kuma zone, which answers no questions and knows only addresses of its own. */
  readonly result: 'verified' | 'not verified' | 'not asked'
  readonly services?: number
  readonly reason?: string
}

export interface VerifyJson {
  /** Nothing that was asked disagrees. */
  readonly agree: boolean
  /** Everything that should be asked was. */
  readonly complete: boolean
  readonly scope: string
  readonly checked: readonly CheckedJson[]
  readonly disagreements: readonly {
    readonly owner: OwnerJson | null
    readonly problem: string
    readonly claims: Disagreement['claims']
  }[]
}

/**
 * Asks ledger and API of this control plane and, at global, of every zone, and tells each disagreement. What differs
 * is read a second time and told only if it still does: a change that was under way is no disagreement.
 */
export async function verifyVips(
  context: ApiContext,
  resources: Resources,
  local: ClaimReader,
  signal: AbortSignal,
): Promise<VerifyJson> {
  const first = await round(context, resources, local, signal)
  const result = first.found.length === 0 ? first : confirmed(first, await round(context, resources, local, signal))
  return {
    agree: result.found.length === 0,
    complete: result.checked.every((checked) => checked.result !== 'not verified'),
    scope:
      context.mode === 'global'
        ? 'global and every zone'
        : 'this zone only; ask the global control plane to compare all zones',
    checked: result.checked,
    disagreements: result.found.map(({ owner, problem, claims }) => ({
      owner: owner === undefined ? null : ownerJson(owner),
      problem,
      claims,
    })),
  }
}

interface Round {
  readonly checked: readonly CheckedJson[]
  readonly found: readonly Disagreement[]
}

const confirmed = (first: Round, second: Round): Round => {
  const before = new Set(first.found.map(({ problem }) => problem))
  return { checked: second.checked, found: second.found.filter(({ problem }) => before.has(problem)) }
}

async function round(
  context: ApiContext,
  resources: Resources,
  local: ClaimReader,
  signal: AbortSignal,
): Promise<Round> {
  const { mode, zoneName } = context
  const { ours: zones, plain } = mode === 'global' ? await zonesOf(context) : { ours: [], plain: [] }
  const ours = await firstParty(zoneName, local)
  const reference = referenceOf(ours)
  const theirs = await fewAtOnce(zones, async (zone): Promise<Party | NotVerified> => {
    try {
      return await partyOf(zone, askedClaims(inTime(context, zone, signal)), reference)
    } catch (error) {
      signal.throwIfAborted()
      const problem = problemOf(error)
      return { name: zone, reason: problem.kind === 'internal' ? (error as Error).message : problem.message }
    }
  })
  const parties = [ours, ...theirs.filter((party): party is Party => 'claims' in party)]
  return {
    checked: [...[ours, ...theirs].map(checkedOf), ...plain.map(notAsked)],
    found: disagreements(parties, { hidden: await resources.disabledZones() }),
  }
}

interface NotVerified {
  readonly name: string
  readonly reason: string
}

/** Zones that are read side by side: what each says is kept whole until it was compared. */
const zonesAtOnce = 4

/** In the order of the items. */
async function fewAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T)
  }
  await Promise.all(Array.from({ length: Math.min(zonesAtOnce, items.length) }, worker))
  return results
}

/** The first party: with it the others are compared. */
async function firstParty(name: string, reader: ClaimReader): Promise<Party> {
  const [all, findings] = await Promise.all([readClaims(reader), reader.findings()])
  return { name, claims: referenceClaims(all), findings }
}

async function partyOf(name: string, reader: ClaimReader & SumsReader, { claims, sums }: Reference): Promise<Party> {
  const [said, findings] = await Promise.all([claimsOf(reader, claims, sums), reader.findings()])
  return { name, claims: said, findings }
}

/** Sums first: what is equal need not be read. A zone of before does not know the question, and says all. */
async function claimsOf(reader: ClaimReader & SumsReader, reference: Claims, sums: () => Parts): Promise<Claims> {
  const theirs = await readSums(reader).catch((error: unknown) => {
    if (problemOf(error).message.includes('does not know the question')) return undefined
    throw error
  })
  const buckets = theirs === undefined ? undefined : differingBuckets(sums(), theirs.sums)
  if (theirs === undefined || buckets === undefined || buckets.length > differingMost)
    return claimsAgainst(reference, await readClaims(reader, reference))
  const some = buckets.length === 0 ? new Map() : await readClaims(inBuckets(reader, buckets), reference)
  const read = new Set(buckets)
  const isRead = (owner: Owner): boolean => read.has(bucketOfOwner(owner))
  return claimsWhere(reference, some, { isRead, services: theirs.services })
}

interface Reference {
  readonly claims: Claims
  /** Reckoned when somebody asks for them, and once. */
  readonly sums: () => Parts
}

function referenceOf({ claims }: Party): Reference {
  let sums: Parts | undefined
  return {
    claims,
    sums: () => {
      sums ??= sumsOf(claims.own.values())
      return sums
    },
  }
}

const checkedOf = (party: Party | NotVerified): CheckedJson => ({
  controlPlane: party.name === '' ? 'global' : party.name,
  ...('claims' in party
    ? { result: 'verified', services: party.claims.services }
    : { result: 'not verified', reason: party.reason }),
})

/** For all its pages a zone has as long as so many answers: one that goes on for ever is not waited for. */
const answersMost = 20

/** Each answer has its time, and all of a zone's together. */
function inTime({ sync, limits }: ApiContext, zone: string, signal: AbortSignal) {
  const whole = AbortSignal.timeout(answersMost * limits.zoneAnswerTimeoutMs)
  return async (question: string, body: unknown): Promise<unknown> => {
    return within(limits.zoneAnswerTimeoutMs, [whole, signal], async (time) => {
      try {
        time.throwIfAborted()
        return await sync.askZone(zone, question, body, { signal: time })
      } catch (error) {
        if (time.aborted && !signal.aborted) throw new Problem('unavailable', 'it did not answer in time')
        throw error
      }
    })
  }
}

const notAsked = (zone: string): CheckedJson => ({
  controlPlane: zone,
  result: 'not asked',
  reason: 'a Kuma zone: its own addresses are aliases in its scope, everybody else has those of the ledger',
})

/**
 * Every zone that this global has met, connected or not, but for those that were taken out of service: they serve nobody.
 * One that is bound to no store of ours is a Kuma's.
 */
async function zonesOf({ store, sync }: ApiContext) {
  const met = (await store.sessions.zones()).filter(({ decommissionedAtMs }) => decommissionedAtMs === undefined)
  const connected = sync.peers()
  const isPlain = (zone: string): boolean =>
    met.some(({ name, storeId }) => name === zone && storeId === undefined) &&
    !connected.some(({ peer, extension }) => peer === zone && extension)
  const names = [...new Set([...met.map(({ name }) => name), ...connected.map(({ peer }) => peer)])]
  const zones = names.filter((name) => name !== '').sort()
  return { ours: zones.filter((zone) => !isPlain(zone)), plain: zones.filter(isPlain) }
}
