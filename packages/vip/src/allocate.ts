import { Problem, vip6Label, vipLabel } from '@holdfast/model'
import { addressNumber, addressOf, contains, type Family, type Range, rangeOf } from './address.js'
import { type Block, usableSize } from './blocks.js'
import { allCandidates, candidates, isUsable } from './choose.js'
import { growLoad } from './constants.js'
import { compareOwners, type Owner, ownerText, ownerWords, sameOwner } from './owner.js'

export interface OwnBlock extends Block {
  /** Addresses of it that somebody has or that rest. */
  readonly used: number
}

/** A row of the ledger in the canonical scope, as the plan needs it. */
export interface Held extends Owner {
  readonly family: Family
  readonly address: string
  readonly generation: number
  readonly state: 'active' | 'tombstoned'
}

/** What a plan asks of the ledger. Tombstones hold their address as living owners do. */
export interface LedgerView<Row extends Held> {
  get(owner: Owner, family: Family): Row | undefined
  holder(family: Family, address: string): Row | undefined
  /** Highest generation that the history knows of an owner whose row was freed. */
  pastGeneration(owner: Owner): number | undefined
}

export interface Wish {
  readonly owner: Owner
  /** Asked-for addresses. */
  readonly v4?: string | undefined
  readonly v6?: string | undefined
}

export interface NewAddress extends Owner {
  readonly family: Family
  readonly address: string
  readonly generation: number
  readonly blockId: string
}

export interface Allocation<Row extends Held> {
  readonly assigned: readonly NewAddress[]
  /** Tombstones whose owner is back: the same address, the same generation. */
  readonly revived: readonly Row[]
  /** Owners that stay without any address, and why. */
  readonly pending: readonly { readonly owner: Owner; readonly reason: string }[]
  /** A pin that cannot be had. */
  readonly refused: readonly { readonly owner: Owner; readonly problem: Problem }[]
}

/** Addresses on which a plan for these wishes may decide: what the caller reads the holders of, in one query. */
export const candidateAddresses = (
  owners: readonly Owner[],
  blocks: readonly Pick<Block, 'cidr'>[],
): readonly string[] => owners.flatMap((owner) => blocks.flatMap((block) => allCandidates(owner, block.cidr)))

/**
 * Gives each wish its addresses, one per family of which we have blocks. What stands never moves (VIP-2); what rests for
 * its owner is given back; nothing that somebody has or that rests is given to another (VIP-1, VIP-3). Deterministic:
 * owners in the order of their keys, newest block below half load first.
 * @param blocks our own, oldest first
 */
export function planAllocation<Row extends Held>(
  wishes: readonly Wish[],
  blocks: readonly OwnBlock[],
  ledger: LedgerView<Row>,
): Allocation<Row> {
  const plan = new Plan(blocks, ledger)
  const ordered = [...wishes].sort((a, b) => compareOwners(a.owner, b.owner))
  // Pins first: who asks for an address by name must not lose it to somebody's hash in the same request.
  for (const wish of ordered.filter(isPinned)) plan.serve(wish)
  for (const wish of ordered) plan.serve(wish)
  return plan
}

const families: readonly Family[] = [4, 6]

const isPinned = (wish: Wish): boolean => wish.v4 !== undefined || wish.v6 !== undefined

/** Canonical text, so that equal addresses are equal. */
function pinOf(wish: Wish, family: Family): string | undefined {
  const pin = family === 4 ? wish.v4 : wish.v6
  return pin === undefined ? undefined : addressOf(addressNumber(pin), family)
}

interface Choice {
  readonly family: Family
  readonly block: OwnBlock
  readonly address: string
}

class Plan<Row extends Held> implements Allocation<Row> {
  readonly assigned: NewAddress[] = []
  readonly revived: Row[] = []
  readonly pending: { readonly owner: Owner; readonly reason: string }[] = []
  readonly refused: { readonly owner: Owner; readonly problem: Problem }[] = []
  readonly #blocks: readonly OwnBlock[]
  readonly #ledger: LedgerView<Row>
  /** What this very plan has given out, by address. */
  readonly #given = new Map<string, Owner>()
  readonly #load = new Map<string, number>()
  readonly #ranges: ReadonlyMap<string, Range>
  readonly #served = new Set<string>()
  /** Nothing comes free within a plan: a scan of a block goes on where the last one ended. */
  readonly #scanned = new Map<string, bigint>()

  constructor(blocks: readonly OwnBlock[], ledger: LedgerView<Row>) {
    this.#blocks = blocks
    this.#ledger = ledger
    this.#ranges = new Map(blocks.map((b) => [b.id, rangeOf(b.cidr)]))
    for (const block of blocks) this.#load.set(block.id, block.used)
  }

  serve(wish: Wish): void {
    const { owner } = wish
    const key = ownerText(owner)
    if (this.#served.has(key)) return
    this.#served.add(key)
    const problems = families.flatMap((family) => this.#pinProblem(wish, family) ?? [])
    if (problems.length > 0) {
      this.refused.push({ owner, problem: together(problems) })
      return
    }
    const choices: Choice[] = []
    const reasons: string[] = []
    let isKnown = false
    for (const family of families) {
      const known = this.#ledger.get(owner, family)
      if (known !== undefined) {
        isKnown = true
        if (known.state === 'tombstoned') this.revived.push(known)
        continue
      }
      const own = this.#blocks.filter((b) => b.kind === owner.kind && b.family === family)
      if (own.length === 0) {
        // Every pool has an IPv4 part and may run out of it; the leased block of IPv6 is always granted, and is not
        // enough. One that was given beforehand is all that its zone can have while nobody answers.
        if (family === 4 && this.#blocks.some((b) => b.kind === owner.kind && b.generation > 0))
          reasons.push(unleased(`IPv4 block of ${owner.kind}`))
        continue
      }
      const pin = pinOf(wish, family)
      const choice = pin === undefined ? this.#choose(owner, own) : this.#pinned(pin, own)
      if (choice !== undefined) choices.push({ ...choice, family })
      else
        reasons.push(
          `every address of ${own.map((b) => b.cidr).join(', ')} is taken or rests: a further block is needed; ${leasing}`,
        )
    }
    // All families or none: a service that got one only would never be looked at again for the other.
    if (reasons.length > 0 && !isKnown) this.pending.push({ owner, reason: reasons.join('; ') })
    else if (choices.length > 0) for (const choice of choices) this.#give(owner, choice)
    else if (!isKnown) this.pending.push({ owner, reason: unleased(`block of ${owner.kind}`) })
  }

  #give(owner: Owner, { family, block, address }: Choice): void {
    const past = this.#ledger.pastGeneration(owner)
    this.assigned.push({ ...owner, family, address, generation: past === undefined ? 0 : past + 1, blockId: block.id })
    this.#given.set(address, owner)
    this.#load.set(block.id, (this.#load.get(block.id) ?? 0) + 1)
  }

  #choose(owner: Owner, own: readonly OwnBlock[]): { readonly block: OwnBlock; readonly address: string } | undefined {
    const newestFirst = [...own].reverse()
    const roomy = newestFirst.filter((b) => this.#isRoomy(b))
    for (const block of [...roomy, ...newestFirst.filter((b) => !roomy.includes(b))]) {
      const address = this.#firstWish(owner, block) ?? this.#firstFree(block)
      if (address !== undefined) return { block, address }
    }
    return undefined
  }

  #firstWish(owner: Owner, block: OwnBlock): string | undefined {
    for (const address of candidates(owner, block.cidr)) if (this.#isFree(block.family, address)) return address
    return undefined
  }

  #isRoomy(block: OwnBlock): boolean {
    const range = this.#ranges.get(block.id)
    return range !== undefined && (this.#load.get(block.id) ?? 0) < Number(usableSize(range)) * growLoad
  }

  /** The rest of the block in order. An IPv6 block has 2^64 addresses, and 32 probes that all fail say that it is no block. */
  #firstFree(block: OwnBlock): string | undefined {
    const range = this.#ranges.get(block.id)
    if (range === undefined || range.family === 6) return undefined
    for (let offset = this.#scanned.get(block.id) ?? 0n; offset < range.size; offset++) {
      this.#scanned.set(block.id, offset)
      const address = addressOf(range.first + offset, range.family)
      if (isUsable(range, offset) && this.#isFree(range.family, address)) return address
    }
    this.#scanned.set(block.id, range.size)
    return undefined
  }

  #pinned(pin: string, own: readonly OwnBlock[]): { readonly block: OwnBlock; readonly address: string } | undefined {
    const block = own.find((b) => contains(b.cidr, pin))
    return block === undefined ? undefined : { block, address: pin }
  }

  #isFree(family: Family, address: string): boolean {
    return !this.#given.has(address) && this.#ledger.holder(family, address) === undefined
  }

  #pinProblem(wish: Wish, family: Family): PinProblem | undefined {
    const pin = pinOf(wish, family)
    if (pin === undefined) return undefined
    const { owner } = wish
    const problem = (kind: PinProblem['kind'], message: string): PinProblem => ({ kind, family, message })
    const known = this.#ledger.get(owner, family)
    if (known?.address === pin) return undefined
    if (known !== undefined)
      return problem(
        'conflict',
        `${ownerWords(owner)} has ${known.address} and keeps it; a pin cannot move it to ${pin}`,
      )
    const holder = this.#ledger.holder(family, pin) ?? this.#given.get(pin)
    if (holder !== undefined && !sameOwner(holder, owner)) {
      const rests = 'state' in holder && holder.state === 'tombstoned' ? ', which was deleted; it rests' : ''
      return problem('conflict', `${pin} belongs to ${ownerWords(holder)}${rests}; choose another address`)
    }
    const own = this.#blocks.filter((b) => b.kind === owner.kind && b.family === family)
    if (this.#pinned(pin, own) === undefined)
      return problem(
        'invalid',
        own.length === 0
          ? `${pin} cannot be pinned: ${unleased(`IPv${family} block of ${owner.kind}`)}`
          : `${pin} lies in no block of this control plane for ${owner.kind}; it has ${own.map((b) => b.cidr).join(', ')}: choose an address there`,
      )
    const range = rangeOf(own.find((b) => contains(b.cidr, pin))?.cidr ?? pin)
    if (!isUsable(range, rangeOf(pin).first - range.first))
      return problem(
        'invalid',
        `${pin} is the first or last address of its block, which are never given out; choose another address`,
      )
    return undefined
  }
}

/** Nothing is to be done but where global is away, or has nothing left. */
const leasing =
  "global leases one by itself: is it connected ('holdfastctl status'), and have its pools room ('holdfastctl vip pool list' there)?"
const unleased = (what: string): string => `no ${what} is leased to this control plane yet; ${leasing}`

interface PinProblem {
  readonly kind: 'conflict' | 'invalid'
  readonly family: Family
  readonly message: string
}

/** Every pin of a service that cannot be had, each with the label that asks for it. */
function together(problems: readonly PinProblem[]): Problem {
  const kind = problems.some((problem) => problem.kind === 'conflict') ? 'conflict' : 'invalid'
  return new Problem(kind, problems.map(({ message }) => message).join('; '), {
    violations: problems.map(({ family, message }) => ({
      path: `labels[${JSON.stringify(family === 4 ? vipLabel : vip6Label)}]`,
      message,
    })),
  })
}
