import { Problem } from '@holdfast/model'

const defaultLimit = 100
const limitMax = 1000

/** Parameter `size` of a list without a total: 1 to 1000, 100 if absent. Throws a Problem `invalid` otherwise. */
export function limitOf(query: URLSearchParams): number {
  const text = query.get('size') ?? ''
  if (text === '') return defaultLimit
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= limitMax) return limit
  throw new Problem('invalid', 'Invalid page size', {
    violations: [{ path: 'size', message: `must be a number between 1 and ${limitMax}, not ${JSON.stringify(text)}` }],
  })
}
