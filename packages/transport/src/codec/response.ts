import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { ControlPlaneSchema, type ResponseExtension, ResponseExtensionSchema } from '@holdfast/proto'

/** Fields of a `DeltaDiscoveryResponse`; what is absent or empty is not written. */
export interface ResponseParts {
  /** Encoded `Resource`s. */
  readonly resources?: readonly Uint8Array[]
  readonly typeUrl?: string
  readonly nonce?: string
  readonly removed?: readonly string[]
  /** Control plane identifier, towards Kuma: `global` or the zone's name. */
  readonly identifier?: string
  readonly extension?: ResponseExtension
}

/**
 * Bytes of a `DeltaDiscoveryResponse`, fields in ascending order as Kuma writes them. By hand, because resources are
 * encoded before and only copied here: ten times cheaper than building them anew for every zone.
 */
export function encodeResponse(parts: ResponseParts): Uint8Array {
  const writer = new BinaryWriter()
  const text = (field: number, value: string | undefined): void => {
    if (value !== undefined && value !== '') writer.tag(field, WireType.LengthDelimited).string(value)
  }
  for (const resource of parts.resources ?? []) writer.tag(2, WireType.LengthDelimited).bytes(resource)
  text(4, parts.typeUrl)
  text(5, parts.nonce)
  for (const key of parts.removed ?? []) writer.tag(6, WireType.LengthDelimited).string(key)
  if (parts.identifier !== undefined)
    writer
      .tag(7, WireType.LengthDelimited)
      .bytes(toBinary(ControlPlaneSchema, create(ControlPlaneSchema, { identifier: parts.identifier })))
  if (parts.extension !== undefined)
    writer.tag(10001, WireType.LengthDelimited).bytes(toBinary(ResponseExtensionSchema, parts.extension))
  return writer.finish()
}

export const responseExtension = (init: MessageInitShape<typeof ResponseExtensionSchema>): ResponseExtension =>
  create(ResponseExtensionSchema, init)
