import { fromBinary } from '@bufbuild/protobuf'
import type { PlainMessage, SessionMessage } from '@holdfast/kds'
import { Problem } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import { malformed } from './fields.js'
import { checkedNode, describedBy, type NodeDescription } from './node.js'
import { plainRequest, plainResponse } from './plain.js'
import { receivedHop, sessionRequest, sessionResponse } from './session.js'
import { type LinkRole, receivedKind, type StreamName } from './streams.js'

/** What a frame of a peer says. */
export type Received =
  | { readonly kind: 'message'; readonly message: SessionMessage; readonly node?: NodeDescription | undefined }
  | { readonly kind: 'plain'; readonly message: PlainMessage; readonly node?: NodeDescription | undefined }
  | { readonly kind: 'violation'; readonly reason: string }

export interface DecodeContext {
  /** Which end receives. */
  readonly role: LinkRole
  readonly zone: string
  readonly stream: StreamName
  /** `undefined`: not known yet, so the frame itself tells. */
  readonly extension: boolean | undefined
}

/** Total: whatever the bytes are, the answer is a message or a violation that says which field is wrong. */
export function decodeFrame(bytes: Uint8Array, context: DecodeContext): Received {
  try {
    return receivedKind(context.role, context.stream) === 'request'
      ? decodeRequest(bytes, context)
      : decodeResponse(bytes, context)
  } catch (error) {
    return { kind: 'violation', reason: `${frameName(context)}: ${reasonOf(error)}` }
  }
}

function decodeRequest(bytes: Uint8Array, { role, zone, stream, extension }: DecodeContext): Received {
  const request = parsed(() => fromBinary(DeltaDiscoveryRequestSchema, bytes))
  const node = describedBy(checkedNode(request.node, zone))
  const described = node === undefined ? {} : { node }
  if (!isSession(request.holdfast !== undefined, extension))
    return { kind: 'plain', message: plainRequest(request), ...described }
  if (request.holdfast === undefined) throw lacking(role)
  return { kind: 'message', message: sessionRequest(request, request.holdfast, stream), ...described }
}

function decodeResponse(bytes: Uint8Array, { role, zone, stream, extension }: DecodeContext): Received {
  const response = parsed(() => fromBinary(DeltaDiscoveryResponseSchema, bytes))
  const hop = receivedHop(role, zone)
  if (!isSession(response.holdfast !== undefined, extension))
    return { kind: 'plain', message: plainResponse(response, hop) }
  if (response.holdfast === undefined) throw lacking(role)
  return { kind: 'message', message: sessionResponse(response, response.holdfast, stream, hop) }
}

/** From a peer that never said it had the extension, field 10001 is just an unknown field. */
const isSession = (carried: boolean, extension: boolean | undefined): boolean => extension ?? carried

const lacking = (role: LinkRole): Problem =>
  malformed(
    'holdfast',
    `(field 10001) is missing although the ${role === 'zone' ? 'global' : 'zone'} has the extension`,
  )

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new Problem('invalid', `not protobuf: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

// Anything but a Problem here would be a mistake of ours, but a peer's bytes brought it out: the stream pays, not the process.
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const frameName = ({ role, stream }: DecodeContext): string =>
  `${receivedKind(role, stream)} on ${stream === 'globalToZone' ? 'GlobalToZoneSync' : 'ZoneToGlobalSync'}`
