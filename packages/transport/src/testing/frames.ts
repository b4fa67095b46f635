/** HTTP/2 frames by hand (RFC 9113 §4.1): what a peer sends that keeps no library's rules. */

export const frameTypes = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const frameFlags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4 } as const

/** What a client says before its first frame. */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** @param payload of at most 2^24 - 1 bytes */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const lengthOf = (text: Uint8Array): Uint8Array => {
  // HPACK's integers with a prefix of 7 bits (RFC 7541 §5.1), as far as a header needs them.
  const { length } = text
  if (length < 127) return Uint8Array.of(length)
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest = Math.trunc(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

/** A block of header fields, each a literal that no table remembers (RFC 7541 §6.2.2). */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([name, value]) => {
      const texts = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]
      return [Uint8Array.of(0), ...texts.flatMap((text) => [lengthOf(text), text])]
    }),
  )
}

/** A gRPC message that is not compressed. */
export function grpcMessage(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(0), uint32(bytes.length), bytes])
}

/** Whole frames of what a peer has sent. */
export function splitFrames(bytes: Buffer): readonly {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}[] {
  const frames = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3)
    if (at + 9 + length > bytes.length) break
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + 9, at + 9 + length),
    })
    at += 9 + length
  }
  return frames
}
