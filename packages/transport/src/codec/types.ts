import { create } from '@bufbuild/protobuf'
import type { SessionMessage } from '@holdfast/kds'
import { type DescribedType, describedTypesMax } from '@holdfast/model'
import { type TypeDescription, type Types, TypesSchema } from '@holdfast/proto'
import { bytesOfHex, hexOf, malformed } from './fields.js'

/** What two peers with different type sets say of their types. Whether a description can be taken is the store's to judge. */

type Said = Extract<SessionMessage, { type: 'types' }>

/** A SHA-256. */
const typeSetBytes = 32

export const typesToWire = ({ typeSet, types, wanted }: Said): Types =>
  create(TypesSchema, {
    typeSet: bytesOfHex('types.type_set', typeSet, typeSetBytes),
    types: types.map((type) => ({
      name: type.name,
      inMesh: type.scope === 'mesh',
      order: type.order,
      encoding: type.encoding,
      emptyStatus: type.emptyStatus,
      hashed: type.hashed,
      globalToZones: type.globalToZones,
      zoneToGlobal: type.zoneToGlobal,
      acrossZones: type.acrossZones,
      policy: type.policy,
    })),
    wanted,
  })

export function typesFromWire({ typeSet, types, wanted }: Types): Said {
  if (types.length > describedTypesMax)
    throw malformed('types.types', `has ${types.length} types, and ${describedTypesMax} are read at most`)
  return {
    type: 'types',
    typeSet: hexOf('types.type_set', typeSet, typeSetBytes),
    types: types.map(typeFromWire),
    wanted,
  }
}

const typeFromWire = (wire: TypeDescription): DescribedType => ({
  name: wire.name,
  scope: wire.inMesh ? 'mesh' : 'global',
  order: wire.order,
  encoding: wire.encoding,
  emptyStatus: wire.emptyStatus,
  hashed: wire.hashed,
  globalToZones: wire.globalToZones,
  zoneToGlobal: wire.zoneToGlobal,
  acrossZones: wire.acrossZones,
  policy: wire.policy,
})
