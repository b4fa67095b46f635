import { fieldOf, isJsonArray, isJsonObject, type Json, type JsonObject, jsonTypeOf } from '../kinds/json.js'
import type { Labels } from '../labels.js'
import type { Violation } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'

/** The metadata of a body as far as it has the right JSON types; what has not is named and left out. */
export interface Envelope {
  readonly type: string | undefined
  readonly mesh: string | undefined
  readonly name: string | undefined
  readonly labels: Labels
  readonly violations: readonly Violation[]
  /** Fields whose type was wrong: nothing more is to be said of them. */
  readonly broken: ReadonlySet<string>
}

/** Fields of the envelope: not part of a spec that stands beside them. */
export const envelopeFields: ReadonlySet<string> = new Set([
  'type',
  'mesh',
  'name',
  'creationTime',
  'modificationTime',
  'labels',
  'kri',
  'snis',
  'status',
  // Shown where policy hooks have not let through what stands there; nobody writes it.
  'publication',
])

const dateTime = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/**
 * Reads the metadata of a body. For types with `spec` in the words of Kuma's schema, which has an empty path for
 * fields at the top.
 */
export function readEnvelope(type: TypeDescriptor, body: JsonObject): Envelope {
  const violations: Violation[] = []
  const broken = new Set<string>()
  const say = (field: string, reason: string): void => {
    broken.add(field)
    violations.push(type.style === 'B' ? { path: '', message: `${field} ${reason}` } : { path: field, message: reason })
  }
  const text = (field: string, isRequired: boolean): string | undefined => {
    const value = fieldOf(body, field)
    if (typeof value === 'string') return value
    if (value !== undefined && !(value === null && type.style === 'A')) say(field, typeReason('string', value))
    else if (isRequired && type.style === 'B') say(`.${field}`, 'in body is required')
    return undefined
  }
  const envelope = {
    type: text('type', true),
    name: text('name', true),
    mesh: text('mesh', false),
    labels: readLabels(type, body, say, violations),
  }
  if (type.style === 'B') checkIgnored(body, say)
  return { ...envelope, violations, broken }
}

const typeReason = (expected: string, given: Json): string =>
  `in body must be of type ${expected}: "${jsonTypeOf(given)}"`

function readLabels(
  type: TypeDescriptor,
  body: JsonObject,
  say: (field: string, reason: string) => void,
  violations: Violation[],
): Labels {
  const labels = fieldOf(body, 'labels')
  if (labels === undefined || (labels === null && type.style === 'A')) return {}
  if (!isJsonObject(labels)) {
    say('labels', typeReason('object', labels))
    return {}
  }
  return Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]): [string, string][] => {
      if (typeof value === 'string') return [[key, value]]
      violations.push({ path: `labels[${JSON.stringify(key)}]`, message: typeReason('string', value) })
      return []
    }),
  )
}

/** Nobody reads these in a body, but Kuma wants them to have the right type, and kumactl sends them. */
function checkIgnored(body: JsonObject, say: (field: string, reason: string) => void): void {
  for (const field of ['creationTime', 'modificationTime']) {
    const value = fieldOf(body, field)
    if (value === undefined) continue
    if (typeof value !== 'string') say(field, typeReason('string', value))
    else if (!dateTime.test(value)) say(field, `in body must be of type date-time: ${JSON.stringify(value)}`)
  }
  const kri = fieldOf(body, 'kri')
  if (kri !== undefined && typeof kri !== 'string') say('kri', typeReason('string', kri))
  const snis = fieldOf(body, 'snis')
  if (snis !== undefined && !isJsonArray(snis)) say('snis', typeReason('array', snis))
  const status = fieldOf(body, 'status')
  if (status !== undefined && !isJsonObject(status)) say('status', typeReason('object', status))
}
