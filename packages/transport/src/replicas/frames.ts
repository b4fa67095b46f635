import { defaultLimits } from '../limits.js'

/** gRPC's frame: not compressed, length, message. */
export function frameOf(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Takes messages out of the bytes of a stream, however they are cut. */
export class FrameReader {
  #waiting: Buffer[] = []
  #size = 0

  /** @returns undefined for a message that is compressed or larger than any that we send */
  push(bytes: Buffer): readonly Buffer[] | undefined {
    this.#waiting.push(bytes)
    this.#size += bytes.length
    const messages: Buffer[] = []
    while (this.#size >= 5) {
      const all = this.#waiting.length === 1 ? (this.#waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#waiting)
      this.#waiting = [all]
      const length = all.readUInt32BE(1)
      if (all[0] !== 0 || length > defaultLimits.messageBytesMax) return undefined
      if (all.length < 5 + length) break
      messages.push(all.subarray(5, 5 + length))
      const rest = all.subarray(5 + length)
      this.#waiting = rest.length === 0 ? [] : [rest]
      this.#size = rest.length
    }
    return messages
  }
}
