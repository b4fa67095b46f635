import { ApiError, badRequest, titles } from './errors.js'
import type { ApiRequest } from './route.js'

/** What a client says it has read: undefined where it does not care. */
export interface Precondition {
  /** One of these is the version that it knows; `any`: whatever, as long as it is there. */
  readonly match?: readonly string[] | 'any' | undefined
  /** It must not be there. */
  readonly absent: boolean
}

export const etagOf = (version: string): string => `"${version}"`

/** `If-Match` and `If-None-Match: *`. Throws 400 for what is neither a list of entity tags nor `*`. */
export function preconditionOf({ headers }: ApiRequest): Precondition {
  const match = headers['if-match']
  const none = headers['if-none-match']
  if (none !== undefined && none.trim() !== '*')
    throw badRequest(`If-None-Match must be *, not ${none}: it makes a write one that only creates`)
  return { match: match === undefined ? undefined : matchOf(match), absent: none !== undefined }
}

function matchOf(header: string): readonly string[] | 'any' {
  if (header.trim() === '*') return 'any'
  const tags = header.split(',').map((tag) => tag.trim())
  const known = tags.map((tag) => /^"([^"]*)"$/.exec(tag)?.[1])
  if (known.some((tag) => tag === undefined))
    throw badRequest(`If-Match must be * or what a GET has shown as ETag, in quotes, not ${header}`)
  return known.filter((tag) => tag !== undefined)
}

/** 412, as HTTP has it. `violations`: each place that is not as whoever writes has read it. */
export const preconditionFailed = (
  detail: string,
  violations: ConstructorParameters<typeof ApiError>[3] = [],
): ApiError => new ApiError('conflict', titles.changed, detail, violations, undefined, 412)

/** `?dryRun=true`. Anything but true and false is refused: half understood, it would be a write. */
export function isDryRun({ query }: ApiRequest): boolean {
  const word = query.get('dryRun')
  if (word === null || word === 'false') return false
  if (word === 'true' || word === '') return true
  throw badRequest(`dryRun must be true or false, not ${JSON.stringify(word)}`)
}
