/** The laws of the product that the simulation can see being broken, and two of its own. */
export type Law =
  | 'RO'
  | 'VIP-1'
  | 'VIP-2'
  | 'VIP-3'
  | 'VIP-4'
  | 'VIP-5'
  | 'EQ'
  | 'EMPTY'
  | 'LKG'
  | 'OWN'
  | 'ONE'
  | 'ATTR'
  | 'MONO'
  | 'DUR'
  | 'HEAL'
  | 'UNKNOWN'
  /** Two honest peers never accuse each other of a broken promise. */
  | 'HONEST'
  /** An assertion of the program failed: a machine, a plan or a constraint of the store. */
  | 'ASSERT'

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
