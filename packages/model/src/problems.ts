/** One thing wrong with an input: where (`spec.ports[0].port`, '' for the whole) and what to do about it. */
export interface Violation {
  readonly path: string
  readonly message: string
}

/** What people can do next decides the kind; each edge (HTTP, gRPC, exit status) has one table over these. */
export const problemKinds = [
  'invalid',
  'missing',
  'conflict',
  'readOnly',
  'unauthenticated',
  'forbidden',
  'unavailable',
  'tooLarge',
  'full',
  'internal',
] as const
export type ProblemKind = (typeof problemKinds)[number]

export interface ProblemOptions extends ErrorOptions {
  readonly violations?: readonly Violation[] | undefined
}

/** The one error type that crosses a room's door. The message names the thing and the next act. */
export class Problem extends Error {
  readonly kind: ProblemKind
  readonly violations: readonly Violation[]

  constructor(kind: ProblemKind, message: string, options: ProblemOptions = {}) {
    super(message, options)
    this.name = 'Problem'
    this.kind = kind
    this.violations = options.violations ?? []
  }
}

/** Foreign errors are ours: "internal" outside, the whole cause in the log. */
export const problemOf = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem('internal', 'internal error', { cause: error })

/** All violations in one Problem: the message lists each with its path. */
export const invalid = (what: string, violations: readonly Violation[]): Problem =>
  new Problem('invalid', `${what}: ${violations.map(violationText).join('; ')}`, { violations })

export const violationText = ({ path, message }: Violation): string => (path === '' ? message : `${path}: ${message}`)

/** For our own mistakes only: what the world does wrong is a Problem. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
