import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ConfigSchema } from '@holdfast/proto'

/** The spec of a Config that is this text. */
export const configSpec = (text: string): Uint8Array => toBinary(ConfigSchema, create(ConfigSchema, { config: text }))

/** The text of a Config; '' for a spec that cannot be read. */
export function configText(spec: Uint8Array): string {
  try {
    return fromBinary(ConfigSchema, spec).config
  } catch {
    return ''
  }
}
