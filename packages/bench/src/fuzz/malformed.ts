import { frame, frameTypes, grpcMessage, uint32 } from '@holdfast/transport/testing'
import type { Chance } from './chance.js'

const stream = (chance: Chance): number => chance.of([1, 3, 5])

/** A message as it should be, with something done to it. */
function mutated(message: Uint8Array, chance: Chance): Uint8Array {
  const bytes = Buffer.from(message)
  const at = chance.int(Math.max(1, bytes.length))
  switch (chance.int(5)) {
    case 0:
      bytes[at] = chance.int(256)
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), chance.bytes(chance.int(16)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes, bytes.subarray(at)])
    default:
      return chance.bytes(chance.int(64))
  }
}

/**
 * What may be sent after the greeting and two calls: mostly messages that are nearly right, for those get furthest; and
 * frames of HTTP/2 and of gRPC that are not.
 */
export function malformed(chance: Chance, messages: readonly [Uint8Array, ...Uint8Array[]]): Uint8Array {
  switch (chance.int(10)) {
    case 0:
      // Any frame at all.
      return frame(chance.int(14), chance.int(256), chance.int(8), chance.bytes(chance.int(64)))
    case 1:
      // A frame that ends before or after it says.
      return Buffer.concat([frame(frameTypes.data, 0, stream(chance), chance.bytes(32)).slice(0, 9 + chance.int(40))])
    case 2:
      // A gRPC message of another length than it says, compressed or not.
      return frame(
        frameTypes.data,
        0,
        stream(chance),
        Buffer.concat([
          Uint8Array.of(chance.int(3)),
          uint32(chance.of([0, 1, 5, 1 << 20, 0xffffffff])),
          chance.bytes(8),
        ]),
      )
    case 3:
      // No stream has these headers.
      return frame(frameTypes.headers, chance.of([0, 4, 5]), stream(chance) + 4, chance.bytes(chance.int(48)))
    default:
      return frame(
        frameTypes.data,
        chance.of([0, 0, 0, 1]),
        stream(chance),
        grpcMessage(mutated(chance.of(messages), chance)),
      )
  }
}
