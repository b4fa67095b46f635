import type { Shape, Stand } from './stand/stand.js'
import type { Turn } from './turn.js'

/** VIP map equal, unexpected writes 0, unexpected deletes 0, converge time, bytes, alarm, last-known-good served. */
export const columns = ['V', 'W', 'D', 'Q', 'B', 'A', 'L'] as const
export type Column = (typeof columns)[number]

/** What the matrix asks for; '–': nothing. */
export type Asked = Readonly<Record<Column, string>>

export interface Seen {
  /** From the end of the fault, or from its beginning where the row says so. */
  readonly converged?: { readonly ms: number; readonly boundMs: number } | undefined
  readonly bytes?: { readonly most: number; readonly bound: number } | undefined
  /** Where an alarm is asked for: in which words it was raised. */
  readonly alarm?: string | undefined
  /** What was seen, for the table. */
  readonly figures: readonly string[]
  /** What was not as it should be, by column. */
  readonly wrong?: Partial<Readonly<Record<Column, readonly string[]>>> | undefined
}

export interface Row {
  readonly id: string
  readonly fault: string
  readonly asked: Asked
  readonly shape: Shape
  /** Its stand is nobody else's: what it does cannot be undone. */
  readonly own?: boolean
  /** One of those that `--quick` runs. */
  readonly quick?: boolean
  /** How it is made, where the fault itself needs privileges or a network. */
  readonly standIn?: string
  /** Steady services may be written or be away: it says itself what is right. */
  readonly mayRewrite?: boolean
  /** What was found with it, and where that is tested since. */
  readonly found?: string
  /** Before the observers begin. */
  prepare?(stand: Stand): Promise<void>
  run(turn: Turn): Promise<Seen>
}

/** `asks('✔ ✔ ✔ 3s 2KiB N ✔')` in the order of the columns; `_` is a blank. */
export function asks(text: string): Asked {
  const cells = text.split(' ').map((cell) => cell.replaceAll('_', ' '))
  if (cells.length !== columns.length)
    throw new Error(`${columns.length} columns are needed, not ${cells.length}: ${text}`)
  const [V = '', W = '', D = '', Q = '', B = '', A = '', L = ''] = cells
  return { V, W, D, Q, B, A, L }
}
