import { utf8 } from '../bytes.js'
import type { TypeDescriptor } from '../type-table.js'
import type { Json, JsonObject } from './json.js'
import { readJsonSpec } from './json-kind.js'
import { type MeshServiceSpec, meshServiceKind } from './mesh-service.js'
import { sameSpec } from './spec.js'

/** Fields of a spec that the control plane which owns the resource computes: whoever applies it does not decide them. */
const computedFields: Readonly<Record<string, readonly string[]>> = { MeshService: ['state', 'identities'] }

const fieldsOf = (type: TypeDescriptor): readonly string[] => computedFields[type.name] ?? []

/** What a control plane computes of a MeshService of its own. */
export interface ComputedFields {
  readonly state: MeshServiceSpec['state']
  readonly identities?: readonly { readonly type: 'ServiceTag' | 'SpiffeID'; readonly value: string }[] | undefined
}

/**
 * Whether two specs say the same apart from what is computed, so that applying what was read changes nothing although
 * a proxy has come or gone meanwhile.
 */
export function sameAuthored(type: TypeDescriptor, a: Uint8Array, b: Uint8Array): boolean {
  if (!saysComputed(type, a) && !saysComputed(type, b)) return sameSpec(type, a, b)
  const [before, after] = [authoredOf(type, a), authoredOf(type, b)]
  return before !== undefined && after !== undefined ? sameSpec(type, before, after) : sameSpec(type, a, b)
}

/** The authored part of `spec` with the computed fields of `existing`, or with those of a resource that is new. */
export function keepComputed(type: TypeDescriptor, spec: Uint8Array, existing: Uint8Array | undefined): Uint8Array {
  const kept = existing === undefined || !saysComputed(type, existing) ? undefined : readJsonSpec(existing)
  if (kept === undefined && !saysComputed(type, spec)) return spec
  const fields = fieldsOf(type)
  return merged(type, spec, Object.fromEntries(Object.entries(kept ?? {}).filter(([key]) => fields.includes(key))))
}

/** A MeshService's spec with these fields in the place of those that it has. */
export const withComputed = (type: TypeDescriptor, spec: Uint8Array, { state, identities }: ComputedFields) =>
  merged(type, spec, {
    state,
    ...(identities === undefined || identities.length === 0
      ? {}
      : { identities: identities.map(({ type: kind, value }) => ({ type: kind, value })) }),
  })

function merged(type: TypeDescriptor, spec: Uint8Array, computed: JsonObject): Uint8Array {
  const authored = readJsonSpec(spec)
  if (authored === undefined || type.name !== meshServiceKind.type) return spec
  const fields = fieldsOf(type)
  const rest = Object.entries(authored).filter(([key]) => !fields.includes(key))
  return meshServiceKind.encode(Object.fromEntries<Json>([...rest, ...Object.entries(computed)]))
}

const authoredOf = (type: TypeDescriptor, spec: Uint8Array): Uint8Array | undefined =>
  readJsonSpec(spec) === undefined ? undefined : merged(type, spec, {})

/**
 * Whether the bytes may say anything computed that is not the default. Nearly none of ten thousand services that are
 * applied at once do, and those are not parsed.
 */
function saysComputed(type: TypeDescriptor, spec: Uint8Array): boolean {
  if (fieldsOf(type).length === 0) return false
  const bytes = Buffer.from(spec.buffer, spec.byteOffset, spec.byteLength)
  return bytes.includes(availableWord) || bytes.includes(identitiesWord)
}

const availableWord = Buffer.from(utf8('"Available"'))
const identitiesWord = Buffer.from(utf8('"identities"'))
