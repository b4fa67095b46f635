import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Begin, Cursor, Mark, Position, Standing } from '@holdfast/kds'
import { type Digest, digestBytes, digestFrom } from '@holdfast/model'
import {
  Begin_Mode,
  BeginSchema,
  CursorSchema,
  DigestSchema,
  MarkSchema,
  PositionSchema,
  StandingSchema,
  type Begin as WireBegin,
  type Cursor as WireCursor,
  type Digest as WireDigest,
  type Mark as WireMark,
  type Position as WirePosition,
  type Standing as WireStanding,
} from '@holdfast/proto'
import { bytesOfHex, countOf, hexOf, malformed, named, required } from './fields.js'

/** Where somebody stands in a log and what proves it, to and from `holdfast.kds.v1`. */

export const epochBytes = 16
const tagBytes = 8
const laneBytes = 16

export const cursorToWire = (cursor: Cursor): WireCursor =>
  create(CursorSchema, {
    epoch: bytesOfHex('cursor.epoch', cursor.epoch, epochBytes),
    revision: BigInt(cursor.revision),
    tag: bytesOfHex('cursor.tag', cursor.tag, tagBytes),
  })

export const cursorFromWire = (path: string, cursor: WireCursor): Cursor => ({
  epoch: hexOf(`${path}.epoch`, cursor.epoch, epochBytes),
  revision: countOf(`${path}.revision`, cursor.revision),
  tag: hexOf(`${path}.tag`, cursor.tag, tagBytes),
})

export const digestToWire = (digest: Digest): WireDigest =>
  create(DigestSchema, { lanes: digestBytes(digest), count: digest.count })

export function digestFromWire(path: string, wire: WireDigest | undefined): Digest {
  const digest = required(path, wire)
  if (digest.lanes.length !== laneBytes)
    throw malformed(`${path}.lanes`, `must have ${laneBytes} bytes, not ${digest.lanes.length}`)
  return digestFrom(digest.lanes, digest.count)
}

export const positionToWire = (position: Position): WirePosition =>
  create(PositionSchema, { ...position, revision: BigInt(position.revision) })

export const positionFromWire = (path: string, position: WirePosition): Position => ({
  revision: countOf(`${path}.revision`, position.revision),
  typeOrder: position.typeOrder,
  mesh: position.mesh,
  name: position.name,
})

export const markToWire = (mark: Mark): WireMark =>
  create(MarkSchema, { cursor: cursorToWire(mark.cursor), digest: digestToWire(mark.digest) })

export function markFromWire(path: string, wire: WireMark | undefined): Mark {
  const mark = required(path, wire)
  return {
    cursor: cursorFromWire(`${path}.cursor`, required(`${path}.cursor`, mark.cursor)),
    digest: digestFromWire(`${path}.digest`, mark.digest),
  }
}

export const standingToWire = (standing: Standing): WireStanding =>
  create(StandingSchema, {
    ...(standing.cursor === undefined ? {} : { cursor: cursorToWire(standing.cursor) }),
    offered: digestToWire(standing.offered),
    ...(standing.partial === undefined ? {} : { partial: positionToWire(standing.partial) }),
  })

export function standingFromWire(path: string, wire: WireStanding | undefined): Standing {
  const standing = required(path, wire)
  return {
    ...(standing.cursor === undefined ? {} : { cursor: cursorFromWire(`${path}.cursor`, standing.cursor) }),
    offered: digestFromWire(`${path}.offered`, standing.offered),
    ...(standing.partial === undefined ? {} : { partial: positionFromWire(`${path}.partial`, standing.partial) }),
  }
}

export const beginToWire = (begin: Begin): WireBegin => create(BeginSchema, beginParts(begin))

function beginParts(begin: Begin): MessageInitShape<typeof BeginSchema> {
  switch (begin.mode) {
    case 'in-step':
      return { mode: Begin_Mode.IN_STEP, mark: markToWire(begin.mark) }
    case 'resume':
      return { mode: Begin_Mode.RESUME }
    case 'full':
      return { mode: Begin_Mode.FULL }
    case 'repair':
      return {
        mode: Begin_Mode.REPAIR,
        from: cursorToWire(begin.from),
        digests: begin.digests.map(({ type, digest }) => ({ type, digest: digestToWire(digest) })),
      }
  }
}

export function beginFromWire(path: string, wire: WireBegin | undefined): Begin {
  const begin = required(path, wire)
  switch (begin.mode) {
    case Begin_Mode.IN_STEP:
      return { mode: 'in-step', mark: markFromWire(`${path}.mark`, begin.mark) }
    case Begin_Mode.RESUME:
      return { mode: 'resume' }
    case Begin_Mode.FULL:
      return { mode: 'full' }
    case Begin_Mode.REPAIR:
      return {
        mode: 'repair',
        from: cursorFromWire(`${path}.from`, required(`${path}.from`, begin.from)),
        digests: begin.digests.map(({ type, digest }, i) => ({
          type: named(`${path}.digests[${i}].type`, type),
          digest: digestFromWire(`${path}.digests[${i}].digest`, digest),
        })),
      }
    case Begin_Mode.MODE_UNSPECIFIED:
      throw malformed(`${path}.mode`, 'is missing')
  }
  // An enum is open in proto3: a newer peer may say a number that this program has no name for.
  throw malformed(`${path}.mode`, `is unknown: ${String(begin.mode)}`)
}
