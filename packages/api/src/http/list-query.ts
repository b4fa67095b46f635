import type { Violation } from '@holdfast/model'
import { ApiError, notValid, titles } from './errors.js'
import type { ApiRequest } from './route.js'

export interface ListRequest {
  readonly offset: number
  readonly size: number
  readonly nameContains?: string | undefined
  readonly labels: Readonly<Record<string, string>>
}

const defaultSize = 100
const sizeMax = 1000
/** kumactl never follows `next`, so that it would drop everything past a page without a word. */
const kumactlSize = 10_000

/** Some answers are made for what kumactl does with them. */
export const isKumactl = (userAgent: string): boolean => userAgent.startsWith('kumactl/')

/**
 * Paging and filters of any list: `size`, `offset`, `name`, `filter[labels.KEY]`. Unknown parameters are ignored.
 * @param template route template for messages, `/meshes/{mesh}/dataplanes`
 * @param title of the errors
 * @throws ApiError 400 in Kuma's words
 */
export function listRequestOf(request: ApiRequest, template: string, title: string = titles.list): ListRequest {
  const { query } = request
  const filters = filtersOf(query, template, title)
  const name = query.get('name')
  return {
    offset: offsetOf(query.get('offset') ?? '', title),
    size: sizeOf(query.get('size') ?? '', isKumactl(request.userAgent) ? kumactlSize : defaultSize, title),
    ...(name === null || name === '' ? {} : { nameContains: name }),
    labels: filters,
  }
}

const integer = /^[+-]?\d+$/

function sizeOf(text: string, fallback: number, title: string): number {
  if (text === '') return fallback
  const size = Number(text)
  const reason = !integer.test(text)
    ? 'invalid format'
    : size < 1
      ? 'must be greater than 0'
      : size > sizeMax
        ? `invalid page size of ${size}. Maximum page size is ${sizeMax}`
        : undefined
  if (reason === undefined) return size
  throw new ApiError('invalid', title, 'Invalid page size', [{ path: 'size', message: reason }])
}

function offsetOf(text: string, title: string): number {
  if (text === '') return 0
  if (!integer.test(text))
    throw new ApiError(
      'invalid',
      title,
      `invalid: invalid offset: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  const offset = Number(text)
  if (offset < 0) throw new ApiError('invalid', title, 'invalid: invalid offset: must be non-negative')
  return offset
}

function filtersOf(query: URLSearchParams, template: string, title: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  const violations: Violation[] = []
  for (const [key, value] of query) {
    if (!key.startsWith('filter[')) continue
    const path = `${template}.${key}`
    const [, inner = '', rest = ''] = /^filter\[([^\]]*)\](.*)$/.exec(key) ?? []
    if (rest !== '') violations.push({ path, message: 'advanced filters are not supported' })
    else if (!inner.startsWith('labels.') || inner === 'labels.')
      violations.push({ path, message: 'filters are only supported on labels' })
    else labels[inner.slice('labels.'.length)] = value
  }
  if (violations.length > 0) throw notValid(title, violations)
  return labels
}

/** Absolute URL of the page after this one, or null on the last: filters are kept, keys sorted as Go does. */
export function nextPage(request: ApiRequest, list: ListRequest, total: number): string | null {
  const offset = list.offset + list.size
  if (offset >= total) return null
  return linkWith(request, { offset: String(offset) })
}

/** This request's URL with some parameters replaced. */
export function linkWith(request: ApiRequest, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(request.query)
  for (const [key, value] of Object.entries(parameters)) query.set(key, value)
  query.sort()
  return `${request.baseUrl}${request.path}?${query.toString()}`
}
