import type { BlockRow } from '@holdfast/store'
import { rangeOf, usableSize } from '@holdfast/vip'

/** Share of a block's addresses that somebody has or that rest. */
export const blockLoad = (block: Pick<BlockRow, 'cidr'> & { readonly used: number }): number =>
  block.used / Number(usableSize(rangeOf(block.cidr)))
