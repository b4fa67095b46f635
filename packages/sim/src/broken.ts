/**
 * The laws of the product that the simulation can see being broken, and two of its own: HONEST, that two honest peers
 * never accuse each other of a broken promise, and ASSERT, that no assertion of a machine, a plan or a store fails.
 */
export const laws = [
  'RO',
  'VIP-1',
  'VIP-2',
  'VIP-3',
  'VIP-4',
  'VIP-5',
  'EQ',
  'EMPTY',
  'HOLD',
  'LKG',
  'OWN',
  'ONE',
  'ATTR',
  'MONO',
  'DUR',
  'HEAL',
  'UNKNOWN',
  'FLOW',
  'ORDER',
  'ISO',
  'HONEST',
  'ASSERT',
] as const
export type Law = (typeof laws)[number]

export interface Violation {
  readonly law: Law
  readonly message: string
  /** How many things had happened before it. */
  readonly step: number
  /** Since the beginning, in virtual time. */
  readonly atMs: number
}

/** Ends a run: what comes after a broken law proves nothing. */
export class LawBroken extends Error {
  readonly law: Law

  constructor(law: Law, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LawBroken'
    this.law = law
  }
}

export function holds(condition: boolean, law: Law, message: () => string): asserts condition {
  if (!condition) throw new LawBroken(law, message())
}
