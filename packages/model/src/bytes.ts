export const emptyBytes: Uint8Array = new Uint8Array(0)

/** The same bytes as a plain Uint8Array: Node's Buffer is one too, but no equal of it where whole values are compared. */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes

export const utf8 = (text: string): Uint8Array => plainBytes(Buffer.from(text, 'utf8'))

export const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => plainBytes(Buffer.concat(parts))

/** Four bytes of length (big-endian), then the bytes: what `int4send(length(x)) || x` is in PostgreSQL. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + bytes.length)
  out.writeUInt32BE(bytes.length, 0)
  out.set(bytes, 4)
  return out
}

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
