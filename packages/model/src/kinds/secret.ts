import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { SecretSchema } from '@holdfast/proto'

/** The bytes that a Secret or GlobalSecret keeps; none for a spec that cannot be read. */
export function secretData(spec: Uint8Array): Uint8Array {
  try {
    return fromBinary(SecretSchema, spec).data ?? new Uint8Array()
  } catch {
    return new Uint8Array()
  }
}

/** The spec of a Secret or GlobalSecret that keeps these bytes. */
export const secretSpec = (value: Uint8Array): Uint8Array =>
  toBinary(SecretSchema, create(SecretSchema, { data: value }))
