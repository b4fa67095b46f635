import { problemOf } from '@holdfast/model'
import type { ApiContext } from '../options.js'
import type { Resources } from '../resources/service.js'
import { type ClaimReader, readClaims } from './claims.js'
import { type Disagreement, disagreements, type Party } from './compare.js'
import { type OwnerJson, ownerJson } from './owners.js'
import { askedClaims } from './questions.js'

/** One control plane that was to be asked. */
export interface CheckedJson {
  readonly controlPlane: string
  readonly result: 'verified' | 'not verified'
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
    complete: result.checked.every((checked) => checked.result === 'verified'),
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
  const { sync, mode, zoneName } = context
  const zones = mode === 'global' ? await zonesOf(context) : []
  const ours = await partyOf(zoneName, local)
  const theirs = await Promise.all(
    zones.map(async (zone): Promise<Party | { readonly name: string; readonly reason: string }> => {
      const within = AbortSignal.any([signal, AbortSignal.timeout(context.limits.zoneAnswerTimeoutMs)])
      try {
        return await partyOf(
          zone,
          askedClaims((question, body) => sync.askZone(zone, question, body, { signal: within })),
        )
      } catch (error) {
        signal.throwIfAborted()
        return { name: zone, reason: reasonOf(error, within) }
      }
    }),
  )
  const parties = [ours, ...theirs.filter((party): party is Party => 'claims' in party)]
  return {
    checked: [ours, ...theirs].map(checkedOf),
    found: disagreements(parties, { hidden: await resources.disabledZones() }),
  }
}

const partyOf = async (name: string, reader: ClaimReader): Promise<Party> => {
  const [claims, findings] = await Promise.all([readClaims(reader), reader.findings()])
  return { name, claims, findings }
}

const checkedOf = (party: Party | { readonly name: string; readonly reason: string }): CheckedJson => ({
  controlPlane: party.name === '' ? 'global' : party.name,
  ...('claims' in party
    ? { result: 'verified', services: [...party.claims.values()].filter(({ shown }) => shown !== undefined).length }
    : { result: 'not verified', reason: party.reason }),
})

const reasonOf = (error: unknown, within: AbortSignal): string => {
  if (within.aborted) return 'it did not answer in time'
  const problem = problemOf(error)
  return problem.kind === 'internal' ? (error as Error).message : problem.message
}

/** Every zone that this global has met or has an object for, connected or not. */
async function zonesOf({ store, sync }: ApiContext): Promise<readonly string[]> {
  const met = (await store.sessions.zones()).map(({ name }) => name)
  const connected = sync.peers().map(({ peer }) => peer)
  return [...new Set([...met, ...connected])].filter((name) => name !== '').sort()
}
