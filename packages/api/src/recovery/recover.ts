import { within } from '@holdfast/deadline'
import { Problem, problemOf } from '@holdfast/model'
import { askTestimony, type RecoveryItem, type Testimony } from '@holdfast/store'
import type { ApiContext } from '../options.js'

/** Why something is no part of the answer, by zone. */
export interface NotAsked {
  readonly zone: string
  readonly reason: string
}

export interface RecoverJson {
  readonly zone: string
  /** Whether it was done; false for a plan. */
  readonly applied: boolean
  readonly items: readonly RecoveryItem[]
  /** Other zones that could not be asked whether they remember something else. */
  readonly notAsked: readonly NotAsked[]
}

/**
 * What global's own resources would become from what a zone remembers, and with `apply` does it. The other zones that
 * are connected are asked as well, so that the better memory of each resource is taken.
 * @throws Problem `missing` (no such zone), `unavailable` (not connected, no witness), `conflict` (it lost something itself)
 */
export async function recoverFromZone(
  context: ApiContext,
  zone: string,
  options: { readonly apply: boolean; readonly actor: string; readonly signal: AbortSignal },
): Promise<RecoverJson> {
  const { store, sync } = context
  const { apply, actor, signal } = options
  const known = new Set([
    ...(await store.sessions.zones()).map(({ name }) => name),
    ...sync.peers().map(({ peer: name }) => name),
  ])
  if (!known.has(zone))
    throw new Problem(
      'missing',
      `this global has never met a zone "${zone}"; it knows ${known.size === 0 ? 'none' : [...known].sort().join(', ')}`,
    )
  const peer = sync.peers().find((each) => each.peer === zone)
  if (peer?.connected !== true)
    throw new Problem('unavailable', `zone ${zone} is not connected, so it cannot say what it remembers; bring it back`)
  if (!peer.extension)
    throw new Problem('unavailable', `zone ${zone} is a plain Kuma zone, which answers no questions; ask another zone`)
  const said = await heard(context, zone, signal)
  const lost = said.find(({ witness }) => witness.state !== 'ready')
  if (lost !== undefined)
    throw new Problem(
      'conflict',
      `zone ${zone} is ${lost.witness.state} itself, so what it remembers may be old; ask another zone, or wait until it is ready`,
    )
  const others: Testimony[] = []
  const notAsked: NotAsked[] = []
  for (const other of connectedZones(context).filter((name) => name !== zone)) {
    try {
      const pages = await heard(context, other, signal)
      if (pages.every(({ witness }) => witness.state === 'ready')) others.push(...pages)
      else notAsked.push({ zone: other, reason: 'it recovers itself' })
    } catch (error) {
      signal.throwIfAborted()
      notAsked.push({ zone: other, reason: problemOf(error).message })
    }
  }
  const items = await store.recovery.recover({ testimonies: [...said, ...others], zone, apply, actor })
  return { zone, applied: apply, items, notAsked }
}

const connectedZones = ({ sync }: ApiContext): readonly string[] =>
  sync.peers().flatMap(({ peer, connected, extension }) => (connected && extension && peer !== '' ? [peer] : []))

async function heard({ sync, limits }: ApiContext, zone: string, signal: AbortSignal): Promise<readonly Testimony[]> {
  const ask = (question: string, body: unknown): Promise<unknown> =>
    within(limits.zoneAnswerTimeoutMs, [signal], (time) => sync.askZone(zone, question, body, { signal: time }))
  const pages: Testimony[] = []
  for await (const page of askTestimony(zone, ask, { ledger: false })) pages.push(page)
  return pages
}

/**
 * Ends a recovery because an operator says so.
 * @throws Problem `conflict` with everything that is still waited for, unless `confirmed`
 */
export async function finishRecovery(
  context: ApiContext,
  options: { readonly confirmed: boolean; readonly actor: string },
): Promise<{ readonly finished: boolean; readonly state: string; readonly lost: readonly string[] }> {
  const { store, sync } = context
  const before = await store.status()
  if (before.state !== 'recovering') return { finished: false, state: before.state, lost: [] }
  const waits = sync.recoveryWaits?.() ?? []
  if (waits.length > 0 && !options.confirmed)
    throw new Problem(
      'conflict',
      `this global still waits for ${waits.length === 1 ? 'something' : `${waits.length} things`}, and what would come back from there would be missing: ` +
        `${waits.map(({ what, next }) => `${what} (${next})`).join('; ')}. Say --yes if that is what you want`,
    )
  const lost = waits.map(({ what }) => what)
  await store.finishRecovery(lost.length === 0 ? 'an operator says so' : `without ${lost.join('; ')}`, options.actor)
  return { finished: true, state: (await store.status()).state, lost }
}
