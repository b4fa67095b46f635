import { createRegistry, equals, fromBinary } from '@bufbuild/protobuf'
import { equalBytes, utf8 } from '../bytes.js'
import { invalid, Problem } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'
import { type Finding, refused, warning } from './finding.js'
import { canonicalJson, isTooDeep, type Json, tooDeepReason } from './json.js'
import { inexactFindings, readJsonSpec } from './json-kind.js'
import { specKindOf, specTypeUrl } from './kinds.js'
import { unknownFields } from './schema.js'

/** Everything to say about a JSON spec; a type without a schema is kept as it is. */
export function jsonFindings(type: TypeDescriptor, spec: Json): readonly Finding[] {
  const known = specKindOf(type)
  return known.format === 'json' && known.kind !== undefined ? known.kind.findings(spec) : inexactFindings(spec)
}

/** For the author of a JSON spec: fields that nobody here reads. A type without a schema has none that are known. */
export function unreadFindings(type: TypeDescriptor, spec: Json): readonly Finding[] {
  const known = specKindOf(type)
  if (known.format !== 'json' || known.kind === undefined) return []
  return unknownFields(known.kind.schema, spec, 'spec').map((path) =>
    warning(path, `is not a field of a ${type.name}: it is kept and passed on, and nobody here reads it`),
  )
}

/** Bytes of a JSON spec that we write: declared order where there is a schema, sorted keys where there is none. */
export function encodeJsonSpec(type: TypeDescriptor, spec: Json): Uint8Array {
  const known = specKindOf(type)
  return known.format === 'json' && known.kind !== undefined ? known.kind.encode(spec) : utf8(canonicalJson(spec))
}

/**
 * Content of a JSON spec that this program makes itself (blocks, pools, default generators). Throws a Problem
 * `invalid` with every violation.
 */
export function jsonSpec(type: TypeDescriptor, spec: Json): { readonly typeUrl: string; readonly spec: Uint8Array } {
  if (type.encoding.kind !== 'json') throw new Problem('internal', `the spec of a ${type.name} is not JSON`)
  const violations = isTooDeep(spec) ? [refused('spec', tooDeepReason)] : jsonFindings(type, spec)
  const wrong = violations.filter(({ level }) => level !== 'warning')
  if (wrong.length > 0) throw invalid(`invalid ${type.name}`, wrong)
  return { typeUrl: specTypeUrl(type), spec: encodeJsonSpec(type, spec) }
}

/** None of the messages holds an Any. */
const noAnys = createRegistry()

/**
 * Whether two specs say the same: compared as values with their defaults, so that applying what was read changes
 * nothing, whoever wrote the bytes that are stored. Bytes that cannot be read are the same only if they are equal.
 */
export function sameSpec(type: TypeDescriptor, a: Uint8Array, b: Uint8Array): boolean {
  if (equalBytes(a, b)) return true
  const known = specKindOf(type)
  if (known.format === 'json') {
    const [before, after] = [readJsonSpec(a), readJsonSpec(b)]
    return (
      before !== undefined &&
      after !== undefined &&
      equalBytes(encodeJsonSpec(type, before), encodeJsonSpec(type, after))
    )
  }
  const message = known.kind?.message
  if (message === undefined) return false
  try {
    return equals(message, fromBinary(message, a), fromBinary(message, b), { unknown: true, registry: noAnys })
  } catch {
    return false
  }
}
