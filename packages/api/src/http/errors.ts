import { Problem, type ProblemKind, problemOf, type Violation } from '@holdfast/model'

/** One table from what went wrong to what an HTTP client is told. */
export const httpStatus: Readonly<Record<ProblemKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  readOnly: 405,
  conflict: 409,
  tooLarge: 413,
  internal: 500,
  unavailable: 503,
  full: 507,
}

/**
 * A Problem under the title that the request gives it: Kuma's clients print `title (detail)` and a line per parameter.
 * `detail` is the message of the Problem.
 */
export class ApiError extends Problem {
  readonly title: string
  /** Where HTTP has a more exact word than the kind of problem. */
  readonly status: number

  constructor(
    kind: ProblemKind,
    title: string,
    detail: string,
    violations: readonly Violation[] = [],
    cause?: unknown,
    status: number = httpStatus[kind],
  ) {
    super(kind, detail, { violations, ...(cause === undefined ? {} : { cause }) })
    this.name = 'ApiError'
    this.title = title
    this.status = status
  }
}

/** The status of an answer to whoever met this problem. */
export const statusOf = (problem: Problem): number =>
  problem instanceof ApiError ? problem.status : httpStatus[problem.kind]

export const titles = {
  get: 'Could not retrieve a resource',
  list: 'Could not retrieve resources',
  process: 'Could not process a resource',
  create: 'Failed to create a resource',
  update: 'Failed to update a resource',
  immutable: 'Could not update a resource',
  delete: 'Could not delete a resource',
  insights: 'Could not retrieve insights',
  mesh: 'Failed to retrieve Mesh',
  badRequest: 'Bad Request',
  readOnly: 'Method not allowed',
  denied: 'Access Denied',
  unauthenticated: 'Invalid authentication data',
  conflict: 'Conflict',
  changed: 'Precondition failed',
  gone: 'Position is gone',
  tooLarge: 'Request body is too large',
  vip: 'Could not tell about a VIP',
  zone: 'Could not change whose a zone is',
  token: 'Invalid request',
  issue: 'Could not issue a token',
  key: 'Signing Key not found',
  tooMany: 'Too many requests',
  rotate: 'Could not replace a key',
} as const

export const notFound = (title: string): ApiError => new ApiError('missing', title, 'Not found')

/** Problems of the content, all of them, with the path of each. */
export const notValid = (title: string, violations: readonly Violation[]): ApiError =>
  new ApiError('invalid', title, 'Resource is not valid', violations)

export const badRequest = (detail: string): ApiError => new ApiError('invalid', titles.badRequest, detail)

export interface ErrorBody {
  readonly type: '/std-errors'
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly invalid_parameters?: readonly { readonly field: string; readonly reason: string }[]
  readonly details: string
  readonly causes?: readonly { readonly field: string; readonly message: string }[]
}

/** The body in Kuma's order, its older mirrors (`details`, `causes`) included. Internals never leave. */
export function errorBody(error: unknown, title: string): ErrorBody {
  const problem = problemOf(error)
  const status = statusOf(problem)
  const detail = problem.kind === 'internal' ? 'Internal Server Error' : problem.message
  const violations = problem.kind === 'internal' ? [] : problem.violations
  return {
    type: '/std-errors',
    status,
    title: problem instanceof ApiError ? problem.title : (titleOfKind[problem.kind] ?? title),
    detail,
    ...(violations.length === 0
      ? {}
      : { invalid_parameters: violations.map(({ path, message }) => ({ field: path, reason: message })) }),
    details: detail,
    ...(violations.length === 0 ? {} : { causes: violations.map(({ path, message }) => ({ field: path, message })) }),
  }
}

const titleOfKind: Readonly<Partial<Record<ProblemKind, string>>> = {
  conflict: titles.conflict,
  unauthenticated: titles.unauthenticated,
  forbidden: titles.denied,
  readOnly: titles.readOnly,
  tooLarge: titles.tooLarge,
}

/** Puts a Problem of the store or the model under the title of the request that met it. */
export function underTitle(error: unknown, title: string): ApiError {
  const problem = problemOf(error)
  if (problem instanceof ApiError) return problem
  const detail = problem.kind === 'invalid' && problem.violations.length > 0 ? 'Resource is not valid' : problem.message
  return new ApiError(problem.kind, titleOfKind[problem.kind] ?? title, detail, problem.violations, problem.cause)
}
