import { createHash } from 'node:crypto'

/** A line of the audit log as it is hashed, and the hash that closes its commit. */
export interface ChainedLine {
  readonly id: number
  readonly line: string
  readonly chain?: Uint8Array | undefined
}

export interface ChainState {
  /** Last hash that was found right; empty before the first. */
  readonly hash: Uint8Array
  /** Lines since then. */
  readonly open: readonly string[]
  /** Lines without a hash at the beginning: of before there was one. */
  readonly unproven: number
  readonly proven: number
  readonly lastId: number
}

export const emptyChain: ChainState = { hash: new Uint8Array(), open: [], unproven: 0, proven: 0, lastId: 0 }

export type ChainStep = { readonly ok: true; readonly state: ChainState } | { readonly ok: false; readonly id: number }

/** Follows the log line by line. The first hash that is not that of its lines is told by the number of its row. */
export function followChain(before: ChainState, lines: readonly ChainedLine[]): ChainStep {
  let { hash, proven, unproven, lastId } = before
  const open = [...before.open]
  for (const { id, line, chain } of lines) {
    lastId = id
    open.push(line)
    if (chain === undefined) continue
    let expected = closing(hash, open)
    if (!same(expected, chain) && proven === 0) {
      // The first hash closes its own commit; what is before it was written by a program that made none.
      for (let from = 1; from < open.length && !same(expected, chain); from++) {
        expected = closing(hash, open.slice(from))
        if (same(expected, chain)) {
          unproven += from
          open.splice(0, from)
        }
      }
    }
    if (!same(expected, chain)) return { ok: false, id }
    proven += open.length
    hash = chain
    open.length = 0
  }
  return { ok: true, state: { hash, open, unproven, proven, lastId } }
}

const closing = (hash: Uint8Array, lines: readonly string[]): Uint8Array =>
  createHash('sha256').update(hash).update(lines.join('\n')).digest()
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b)
