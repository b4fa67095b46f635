export const emptyBytes: Uint8Array = new Uint8Array(0)

/** The same bytes as a plain Uint8Array: Node's Buffer is one too, but no equal of it where whole values are compared. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes

export const utf8 = (text: string): Uint8Array => plainBytes(Buffer.from(text, 'utf8'))

export const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => plainBytes(Buffer.concat(parts))

/**
 * Each part after four bytes of its length, all in one buffer: hashes are made of these, three for each resource that is
 * looked at, and a buffer for each part costs more than the hash. Text as UTF-8.
 */
export function prefixedBytes(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  let size = 0
  for (const part of parts) size += 4 + (typeof part === 'string' ? Buffer.byteLength(part) : part.length)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) {
    const length = typeof part === 'string' ? out.write(part, at + 4) : part.length
    if (typeof part !== 'string') out.set(part, at + 4)
    out.writeUInt32BE(length, at)
    at += 4 + length
  }
  return plainBytes(out)
}

/** Four bytes of length (big-endian), then the bytes: what `int4send(length(x)) || x` is in PostgreSQL. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + bytes.length)
  out.writeUInt32BE(bytes.length, 0)
  out.set(bytes, 4)
  return out
}

/** The order of their UTF-8 bytes. Without a surrogate, and so almost always, it is the order of their code units. */
export function byUtf8(a: string, b: string): number {
  if (hasSurrogate(a) || hasSurrogate(b)) return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
  return a < b ? -1 : a > b ? 1 : 0
}

const surrogate = /[\ud800-\udfff]/
export const hasSurrogate = (text: string): boolean => surrogate.test(text)

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
