/** A message as it goes over TCP: its length in two bytes before it (RFC 1035 §4.2.2). */
export function framed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(message.length + 2)
  bytes.writeUInt16BE(message.length, 0)
  message.copy(bytes, 2)
  return bytes
}

/** Takes a byte stream apart. Between two chunks it holds less than one message. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): readonly Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const messages: Buffer[] = []
    while (rest.length >= 2) {
      const end = rest.readUInt16BE(0) + 2
      if (rest.length < end) break
      messages.push(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
    this.#rest = rest
    return messages
  }
}
