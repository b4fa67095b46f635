import { dataplaneKind, dataplaneLabels } from '../kinds/dataplane.js'
import { type Finding, refused, warning } from '../kinds/finding.js'
import {
  fieldOf,
  isJsonObject,
  type Json,
  type JsonObject,
  type JsonResult,
  jsonTypeOf,
  parseJson,
} from '../kinds/json.js'
import { specKindOf, specTypeUrl } from '../kinds/kinds.js'
import type { ProtoKind } from '../kinds/proto-kind.js'
import { encodeJsonSpec, jsonFindings, unreadFindings } from '../kinds/spec.js'
import { type Labels, proxyTypeLabel } from '../labels.js'
import type { Violation } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'
import { base64Reason, fromBase64 } from './base64.js'
import { envelopeFields, readEnvelope } from './envelope.js'
import { jsonOf } from './json-of.js'
import { checkMetadata, type WriteContext } from './metadata.js'
import { protoFromJson } from './proto-json.js'
import { opaqueKey } from './render.js'

/** A body that may be stored. Labels as given: what the control plane computes is `computedLabels`' to add. */
export interface ParsedBody {
  readonly name: string
  /** '' for types of global scope. */
  readonly mesh: string
  readonly labels: Labels
  /** Labels that the spec implies, for `computedLabels`; `undefined` removes one. */
  readonly kindLabels: Readonly<Record<string, string | undefined>>
  readonly typeUrl: string
  readonly spec: Uint8Array
  /** For the author; the write succeeds. */
  readonly warnings: readonly string[]
}

export type BodyResult =
  | { readonly outcome: 'parsed'; readonly body: ParsedBody }
  /** No JSON object at all: Kuma answers such a body with one sentence and without a path. */
  | { readonly outcome: 'unreadable'; readonly reason: string }
  | { readonly outcome: 'invalid'; readonly violations: readonly Violation[] }

/**
 * Reads the body of a write: JSON text, or a value that was read from JSON or YAML. Reports everything that is wrong
 * with the spec and with the metadata at once, where Kuma stops at the first of its stages; only a spec with values of
 * the wrong JSON type hides what else is wrong with it.
 */
export function parseBody(type: TypeDescriptor, input: unknown, context: WriteContext): BodyResult {
  const read: JsonResult = typeof input === 'string' ? parseJson(input) : jsonOf(input)
  if (read.outcome === 'unreadable') return unreadable(type, read.reason)
  // Kuma takes null for {} where the spec stands beside the metadata, and dies of it where it does not.
  const body = read.value === null && type.style === 'A' ? {} : read.value
  if (!isJsonObject(body)) return unreadable(type, `must be a JSON object, not ${jsonTypeOf(body)}`)

  const envelope = readEnvelope(type, body)
  const spec = type.style === 'B' ? readSpec(type, body) : readFields(type, body)
  const metadata = checkMetadata(type, envelope, context)
  const violations = [
    ...envelope.violations,
    ...spec.findings.flatMap(({ level, path, message }) => (level === 'warning' ? [] : [{ path, message }])),
    ...metadata.violations,
  ]
  if (violations.length > 0) return { outcome: 'invalid', violations }
  return {
    outcome: 'parsed',
    body: {
      name: metadata.name,
      mesh: metadata.mesh,
      labels: envelope.labels,
      kindLabels: kindLabelsOf(type, spec.bytes),
      typeUrl: specTypeUrl(type),
      spec: spec.bytes,
      warnings: spec.findings.flatMap(({ level, path, message }) =>
        level === 'warning' ? [path === '' ? message : `${path}: ${message}`] : [],
      ),
    },
  }
}

const unreadable = (type: TypeDescriptor, reason: string): BodyResult => ({
  outcome: 'unreadable',
  reason: `invalid ${type.name} object: ${JSON.stringify(reason)}`,
})

interface SpecBytes {
  /** Means something only if no finding refuses it. */
  readonly bytes: Uint8Array
  readonly findings: readonly Finding[]
}

function readSpec(type: TypeDescriptor, body: JsonObject): SpecBytes {
  const spec = fieldOf(body, 'spec')
  const wrong = (reason: string): SpecBytes => ({ bytes: new Uint8Array(), findings: [refused('', reason)] })
  if (spec === undefined) return wrong('.spec in body is required')
  if (!isJsonObject(spec)) return wrong(`spec in body must be of type object: "${jsonTypeOf(spec)}"`)
  const findings = [...jsonFindings(type, spec), ...unreadFindings(type, spec)]
  return { bytes: encodeJsonSpec(type, spec), findings }
}

function readFields(type: TypeDescriptor, body: JsonObject): SpecBytes {
  const fields = Object.fromEntries(Object.entries(body).filter(([key]) => !envelopeFields.has(key)))
  const known = specKindOf(type)
  const kind = known.format === 'protobuf' ? known.kind : undefined
  const opaque = fieldOf(fields, opaqueKey)
  if (opaque !== undefined || kind === undefined) return readOpaque(type, kind, fields, opaque)
  const { bytes, violations, unknown } = protoFromJson(kind.message, fields)
  return {
    bytes,
    findings: [
      ...violations.map(({ path, message }) => refused(path, message)),
      ...(violations.length > 0 ? [] : (kind.findings(bytes) ?? [])),
      ...unknown.map((path) => warning(path, `is not a field of a ${type.name} and was left out`)),
    ],
  }
}

function readOpaque(
  type: TypeDescriptor,
  kind: ProtoKind | undefined,
  fields: JsonObject,
  opaque: Json | undefined,
): SpecBytes {
  const bytes = typeof opaque === 'string' ? fromBase64(opaque) : undefined
  if (bytes === undefined) {
    const reason =
      opaque === undefined
        ? `Holdfast does not know the fields of a ${type.name}: give its protobuf (${specTypeUrl(type)}) in base64 here`
        : base64Reason
    return { bytes: new Uint8Array(), findings: [refused(opaqueKey, reason)] }
  }
  const others = Object.keys(fields).filter((key) => key !== opaqueKey)
  return {
    bytes,
    findings: [
      ...(kind === undefined ? [] : (kind.findings(bytes) ?? [refused(opaqueKey, `is not a ${type.name}`)])),
      ...others.map((path) => warning(path, `was left out: ${opaqueKey} is the whole spec`)),
    ],
  }
}

function kindLabelsOf(type: TypeDescriptor, spec: Uint8Array): Readonly<Record<string, string | undefined>> {
  if (type.name === 'ZoneIngress' || type.name === 'ZoneEgress') return { [proxyTypeLabel]: type.name.toLowerCase() }
  const read = type.name === 'Dataplane' ? dataplaneKind.read(spec) : undefined
  return read === undefined ? {} : dataplaneLabels(read)
}
