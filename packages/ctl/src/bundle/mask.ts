const hidden = '*****'

/** Names of fields whose values are nobody's business; those that only speak of a secret stay readable. */
const secretName = /(password|passwd|secret|token|credential|private_?key|api_?key|authorization|signing_?key)s?$/i
const secretExact = /^(data|inline(String)?|key|hmac|dsn)$/i

/** Anything that looks like one wherever it stands: keys and certificates' keys, JWTs, passwords within URLs. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, hidden],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, hidden],
  [/(\b[a-z][\w+.-]*:\/\/[^\s:/@"]*):[^\s@/"]+@/gi, `$1:${hidden}@`],
  [/(\bBearer\s+)[\w.~+/-]{8,}=*/gi, `$1${hidden}`],
]

export const maskedText = (text: string): string =>
  patterns.reduce((masked, [pattern, instead]) => masked.replace(pattern, instead), text)

/** A value as it may be given away: what is called a secret is masked, and what looks like one. */
export function maskedValue(value: unknown): unknown {
  if (typeof value === 'string') return maskedText(value)
  if (Array.isArray(value)) return value.map(maskedValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isSecret(name, each) ? hidden : maskedValue(each)]),
  )
}

/** A number, a flag or an object under such a name is no secret itself. */
const isSecret = (name: string, value: unknown): boolean =>
  typeof value === 'string' && value !== '' && (secretName.test(name) || secretExact.test(name))
