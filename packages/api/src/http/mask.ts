const masked = '*****'
const secretKey = /password|secret|token|private.?key/i
const urlPassword = /^([a-z][a-z0-9+.-]*:\/\/[^/\s:@]*):[^@/\s]*@/i

/** A configuration as it may be shown: values of secret keys and passwords in URLs are replaced. */
export function maskSecrets(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, key))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, maskSecrets(item, name)]))
  if (typeof value !== 'string') return value
  return secretKey.test(key) && value !== '' ? masked : value.replace(urlPassword, `$1:${masked}@`)
}
