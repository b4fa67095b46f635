/** Why a text is no SPIFFE ID, in the words of its reference implementation; undefined if it is one. */
export function spiffeIdProblem(text: string): string | undefined {
  if (text === '') return 'cannot be empty'
  if (!text.startsWith('spiffe://')) return 'scheme is missing or invalid'
  const rest = text.slice('spiffe://'.length)
  const slash = rest.indexOf('/')
  const domain = slash === -1 ? rest : rest.slice(0, slash)
  if (domain === '') return 'trust domain is missing'
  if (!/^[a-z0-9._-]+$/.test(domain))
    return 'trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores'
  if (slash === -1) return undefined
  const segments = rest.slice(slash + 1).split('/')
  if (segments.at(-1) === '') return 'path cannot have a trailing slash'
  if (segments.includes('')) return 'path cannot contain empty segments'
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'path cannot contain dot segments'
  return segments.every((segment) => /^[A-Za-z0-9._-]+$/.test(segment))
    ? undefined
    : 'path segment characters are limited to letters, numbers, dots, dashes, and underscores'
}
