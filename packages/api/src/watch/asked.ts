import { badRequest } from '../http/errors.js'

/** `?watch=true`; `?watch=false` is a list. Throws 400 for anything else. */
export function isWatch(query: URLSearchParams): boolean {
  const word = query.get('watch')
  if (word === null || word === 'false') return false
  if (word === 'true' || word === '') return true
  throw badRequest(`watch must be true or false, not ${JSON.stringify(word)}`)
}
