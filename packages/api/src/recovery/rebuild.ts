import { within } from '@holdfast/deadline'
import { Problem, problemOf } from '@holdfast/model'
import { askTestimony, type Owner, ownerText } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import type { VipSubject } from '../vips/explain.js'
import { ownerJson } from '../vips/owners.js'
import type { NotAsked } from './recover.js'

/**
 * What the ledger of this control plane has lost and gets back: from the services that stand here, from its own history,
 * and, at global, from what its zones remember. Only a service that nobody remembers gets an address by its hash.
 */
export async function rebuildLedger(
  context: ApiContext,
  options: { readonly apply: boolean; readonly actor: string; readonly signal: AbortSignal },
) {
  const { store, mode } = context
  const { apply, actor } = options
  const { restore, conflicts } = await store.recovery.rebuild({ apply, actor })
  const witnesses = apply && mode === 'global' ? await remembered(context, options.signal) : undefined
  const { pendingVips } = await store.read.counts()
  return {
    applied: apply,
    items: restore.map(({ family, address, generation, state, witness, ...owner }) => ({
      ...ownerJson(owner),
      ...{ family, address, generation, state, witness },
    })),
    conflicts: [...conflicts, ...(witnesses?.conflicts ?? [])],
    fromZones: witnesses?.addresses ?? 0,
    notAsked: witnesses?.notAsked ?? [],
    /** Nobody remembers them: they get an address by their hash, or wait for a block. */
    unknown: pendingVips,
  }
}

async function remembered({ store, sync, limits }: ApiContext, signal: AbortSignal) {
  let addresses = 0
  const conflicts: string[] = []
  const notAsked: NotAsked[] = []
  for (const { peer, connected, extension } of sync.peers()) {
    if (!connected || !extension) {
      notAsked.push({
        zone: peer,
        reason: connected ? 'a plain Kuma zone answers no questions' : 'it is not connected',
      })
      continue
    }
    const ask = (question: string, body: unknown): Promise<unknown> =>
      within(limits.zoneAnswerTimeoutMs, [signal], (time) => sync.askZone(peer, question, body, { signal: time }))
    try {
      for await (const page of askTestimony(peer, ask, { ledger: true })) {
        const found = await store.recovery.remember(page)
        addresses += found.addresses
        conflicts.push(...found.conflicts)
      }
    } catch (error) {
      signal.throwIfAborted()
      notAsked.push({ zone: peer, reason: problemOf(error).message })
    }
  }
  return { addresses, conflicts, notAsked }
}

/**
 * Ends the quarantine of an address, or of the addresses of a service that is gone.
 * @throws Problem `missing` (nobody has or had it), `conflict` (in use, or ambiguous)
 */
export async function releaseVip({ store }: ApiContext, subject: VipSubject, actor: string) {
  const { items } = await store.vip.ledger({ ...subject, includeTombstoned: true, limit: 100 })
  const owners = new Map(
    items
      .filter(({ scope }) => scope === 'canonical')
      .map(({ kind, mesh, origin, namespace, displayName }): [string, Owner] => {
        const owner = { kind, mesh, origin, namespace, displayName }
        return [ownerText(owner), owner]
      }),
  )
  const what = subject.address ?? `a service "${subject.displayName ?? ''}"`
  const [owner, ...others] = owners.values()
  if (owner === undefined)
    throw new Problem('missing', `nobody has or had ${what} here; holdfastctl vip list --deleted shows what rests`)
  if (others.length > 0)
    throw new Problem(
      'conflict',
      `${what} is ${owners.size} different ones; narrow it down with --kind, --mesh and --zone, or say the address`,
    )
  const outcome = await store.recovery.release(owner, actor)
  if (outcome.outcome === 'in use')
    throw new Problem(
      'conflict',
      `${outcome.addresses.join(' and ')} ${outcome.addresses.length === 1 ? 'is' : 'are'} in use by ${outcome.holder}; delete the service first, if its address is to go to another`,
    )
  if (outcome.outcome === 'nothing') throw new Problem('missing', `${what} was freed meanwhile`)
  return { owner: ownerJson(owner), released: outcome.addresses }
}
