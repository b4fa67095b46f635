import { rangeOf } from './address.js'
import { usableSize } from './blocks.js'
import { alarmLoad } from './constants.js'

interface Used {
  readonly cidr: string
  readonly kind: string
  /** A zone, or '' for global. */
  readonly owner: string
  /** Addresses of it that somebody has or that rest. */
  readonly used: number
}

/** What one owner has for one kind, all its blocks together. */
export interface Crowded {
  readonly kind: string
  readonly owner: string
  readonly cidrs: readonly string[]
  readonly load: number
}

/**
 * Whose addresses of a kind run out. Rows never move, so a block that has filled stays full; as long as a later one has
 * room there is nothing to do about it.
 * @param blocks of one family
 */
export function crowded(blocks: readonly Used[]): readonly Crowded[] {
  const stocks = new Map<string, Used[]>()
  for (const block of blocks) {
    const key = `${block.owner}\u0000${block.kind}`
    stocks.set(key, [...(stocks.get(key) ?? []), block])
  }
  return [...stocks.values()].flatMap((of) => {
    const [first] = of
    const size = of.reduce((sum, { cidr }) => sum + usableSize(rangeOf(cidr)), 0n)
    const load = of.reduce((sum, { used }) => sum + used, 0) / Number(size)
    return first === undefined || load < alarmLoad
      ? []
      : [{ kind: first.kind, owner: first.owner, cidrs: of.map(({ cidr }) => cidr), load }]
  })
}

/** `block 241.16.0.0/24 of zone east (MeshService) is 82 % full`. */
export const crowdedText = ({ cidrs, kind, owner, load }: Crowded): string =>
  `block${cidrs.length === 1 ? '' : 's'} ${cidrs.join(', ')} of ${owner === '' ? 'global' : `zone ${owner}`} (${kind}) ${cidrs.length === 1 ? 'is' : 'are'} ${Math.round(load * 100)} % full`
