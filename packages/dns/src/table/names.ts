/** RFC 1035 §2.3.4. */
const labelBytesMax = 63
const nameBytesMax = 253

/** Why a hostname cannot be served, naming the label; `undefined` for one that can. */
export function servingProblem(hostname: string): string | undefined {
  const length = Buffer.byteLength(hostname, 'utf8')
  if (length > nameBytesMax) return `"${hostname}" has ${length} bytes, a name in DNS at most ${nameBytesMax}`
  const long = hostname.split('.').find((label) => Buffer.byteLength(label, 'utf8') > labelBytesMax)
  return long === undefined
    ? undefined
    : `the label "${long}" of "${hostname}" has ${Buffer.byteLength(long, 'utf8')} bytes, a label in DNS at most ${labelBytesMax}`
}

/** The name itself is not among them: `b.c` and `c` for `a.b.c`. */
export function* ancestorsOf(name: string): Iterable<string> {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) yield name.slice(dot + 1)
}

/** Names are compared without regard to case (RFC 4343): of ASCII letters only, whatever else a label holds. */
export const folded = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

const v4Suffix = '.in-addr.arpa'
const v6Suffix = '.ip6.arpa'

/** The address whose reverse name this is, as canonical text; `undefined` for any other name. */
export function addressOfReverse(name: string, canonicalV6: (groups: string) => string): string | undefined {
  if (name.endsWith(v4Suffix)) {
    const octets = name.slice(0, -v4Suffix.length).split('.')
    const plain =
      octets.length === 4 && octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)
    return plain ? octets.reverse().join('.') : undefined
  }
  if (!name.endsWith(v6Suffix)) return undefined
  const nibbles = name.slice(0, -v6Suffix.length).split('.')
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined
  const hex = nibbles.reverse().join('')
  return canonicalV6(hex.match(/.{4}/g)?.join(':') ?? '')
}
