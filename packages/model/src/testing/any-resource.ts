import { create, type DescField, type DescMessage, ScalarType, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { utf8 } from '../bytes.js'
import { specTypeUrl } from '../kinds/index.js'
import type { Json } from '../kinds/json.js'
import { specKindOf } from '../kinds/kinds.js'
import { displayNameLabel, type Labels, meshLabel, namespaceLabel, zoneLabel } from '../labels.js'
import { exportName } from '../names.js'
import type { ExportedResource } from '../resource.js'
import type { TypeDescriptor } from '../type-table.js'

/** Text without what a PostgreSQL cannot keep in a label. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((any) => any.replaceAll('\0', '0'))
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/)

/** A spec that its kind lets through and that has what this program has no field for. */
const withUnknown = (base: Json): fc.Arbitrary<Json> =>
  fc
    .dictionary(fc.stringMatching(/^x[A-Za-z]{1,6}$/), fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>)
    .map((unknown) => ({
      ...unknown,
      ...(base as Readonly<Record<string, Json>>),
    }))

const bases: Readonly<Record<string, Json>> = {
  MeshService: { selector: { dataplaneTags: { 'kuma.io/service': 'web' } }, ports: [{ port: 80, targetPort: 'http' }] },
  MeshExternalService: {
    match: { type: 'HostnameGenerator', port: 80, protocol: 'tcp' },
    endpoints: [{ address: 'example.com', port: 443 }],
  },
  MeshMultiZoneService: {
    selector: { meshService: { matchLabels: { app: 'web' } } },
    ports: [{ port: 80, appProtocol: 'http' }],
  },
  HostnameGenerator: {
    selector: { meshService: { matchLabels: { 'kuma.io/origin': 'global' } } },
    template: '{{ .DisplayName }}.svc.mesh.local',
  },
}

const specOf = (type: TypeDescriptor): fc.Arbitrary<Uint8Array> => {
  const known = specKindOf(type)
  if (known.format === 'json') {
    const base = bases[type.name]
    const value = base === undefined ? withUnknown({}) : withUnknown(base)
    // As somebody else's encoder writes it: spaces and the order of keys are theirs.
    return fc.tuple(value, fc.constantFrom(0, 1)).map(([spec, spaces]) => utf8(JSON.stringify(spec, null, spaces)))
  }
  // What we have no field for comes along, be it before or after what we have.
  const unknown = fc.constantFrom('', '9a3f0568656c6c6f', 'e03e01').map((tail) => Buffer.from(tail, 'hex'))
  const judged = judgedMessages[type.name]
  const message = known.kind?.message
  const bytes =
    judged !== undefined
      ? fc.constantFrom(...judged).map((own) => Buffer.from(own, 'hex'))
      : message === undefined
        ? fc.uint8Array({ maxLength: 40 })
        : messageOf(message, 2)
  return fc
    .tuple(bytes, unknown, fc.boolean())
    .map(([own, tail, first]) => Buffer.concat(first ? [tail, own] : [own, tail]))
}

/** Of kinds with rules of their own: what keeps them. */
const judgedMessages: Readonly<Record<string, readonly string[]>> = {
  Mesh: ['', '4a020803', '0a00'],
  // Address 192.168.0.1, an inbound on 8080 of service web in zone east.
  Dataplane: [
    '0a400a3112160a0f6b756d612e696f2f73657276696365120377656212140a0c6b756d612e696f2f7a6f6e6512046561737418903f2a0b3139322e3136382e302e31',
  ],
}

/** Any content of a message, to some depth. */
function messageOf(desc: DescMessage, depth: number): fc.Arbitrary<Uint8Array> {
  const fields = desc.fields.filter((field) => depth > 0 || field.fieldKind === 'scalar')
  const shape = Object.fromEntries(
    fields.map((field) => [field.localName, fc.option(fieldOf(field, depth - 1), { nil: undefined })]),
  )
  return fc.record(shape).map((values) => {
    // Of a oneof the last one wins; it is set as a group and stays out of this.
    const plain = Object.entries(values).filter(
      ([key, value]) => value !== undefined && fields.find((f) => f.localName === key)?.oneof === undefined,
    )
    return toBinary(desc, create(desc, Object.fromEntries(plain) as never))
  })
}

function fieldOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarOf(field.scalar)
    case 'enum':
      return fc.constantFrom(...field.enum.values.map(({ number }) => number))
    case 'message':
      return ofMessage(field.message)
    case 'list':
      return field.listKind === 'scalar' ? fc.array(scalarOf(field.scalar), { maxLength: 2 }) : fc.constant([])
    case 'map':
      return field.mapKind === 'scalar' && field.mapKey === ScalarType.STRING
        ? fc.dictionary(text, scalarOf(field.scalar), { maxKeys: depth + 2 })
        : fc.constant({})
  }
}

/** Wrappers and structs stand in messages as what they hold. */
function ofMessage(desc: DescMessage): fc.Arbitrary<unknown> {
  const [only] = desc.fields
  if (desc.typeName === 'google.protobuf.Struct') return fc.constant({ a: ['x', 1, null] })
  if (/^google\.protobuf\.\w+Value$/.test(desc.typeName) && only?.fieldKind === 'scalar') return scalarOf(only.scalar)
  return fc.constant(create(desc))
}

function scalarOf(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 8 })
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return fc.bigInt(0n, 2n ** 62n)
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true })
    default:
      return fc.nat(65_535)
  }
}

/** Any resource of a type that its receiver lets through, in export form. @param zone whose it is; '' is global */
export function anyResourceOf(type: TypeDescriptor, zone: string): fc.Arbitrary<ExportedResource> {
  const labels = fc.dictionary(
    fc.oneof(text, fc.nat().map(String), fc.constantFrom('kuma.io/env', namespaceLabel, 'app')),
    text,
    { maxKeys: 4 },
  )
  return fc.tuple(name, labels, specOf(type)).map(([displayName, given, spec]): ExportedResource => {
    const all: Labels = {
      ...given,
      ...(type.hashed ? { [displayNameLabel]: displayName } : {}),
      ...(type.scope === 'mesh' ? { [meshLabel]: 'default' } : {}),
      ...(zone === '' ? {} : { [zoneLabel]: zone }),
    }
    const meshName = type.scope === 'mesh' ? 'default' : ''
    return {
      type: type.name,
      mesh: meshName,
      name: exportName(type, meshName, displayName, all),
      labels: all,
      typeUrl: specTypeUrl(type),
      spec,
    }
  })
}
