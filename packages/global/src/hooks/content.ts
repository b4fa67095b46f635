import {
  type JsonObject,
  type Labels,
  labelViolations,
  originLabel,
  parseBody,
  type ResourceContent,
  sameSpec,
  toRest,
  typeOf,
  violationText,
} from '@holdfast/model'
import type { HookWork } from '@holdfast/store'

/** What the API adds when it shows a resource: nothing of it is a hook's to see or to answer. */
const shownOnly = new Set(['creationTime', 'modificationTime', 'kri', 'snis', 'status'])

/** A resource as a hook sees it: as the API takes it, with the content that the hooks before have left. */
export function reviewedJson({ row }: HookWork, content: ResourceContent): JsonObject {
  const shown = toRest(
    { type: row.type, mesh: row.mesh, name: row.name, origin: row.origin, labels: content.labels, spec: content.spec },
    { viewer: { role: 'global' }, creationTime: '', modificationTime: '' },
  )
  return Object.fromEntries(Object.entries({ ...shown, labels: content.labels }).filter(([key]) => !shownOnly.has(key)))
}

export type Answered =
  | { readonly ok: true; readonly content: ResourceContent }
  /** What is wrong with the answer, as something that the hook does. */
  | { readonly ok: false; readonly reason: string }

const lie = (reason: string): Answered => ({ ok: false, reason })

/**
 * What a hook has made of a resource, validated like a body that comes to the API. A spec that is said back as it was
 * keeps its bytes, and with them every replica: nothing is held against what was let in as it is.
 */
export function contentOfAnswer(work: HookWork, before: ResourceContent, answer: unknown): Answered {
  const asked = reviewedJson(work, before)
  if (!isObject(answer)) return lie('answers a resource that is no JSON object')
  for (const key of ['type', 'mesh', 'name'])
    if (answer[key] !== asked[key])
      return lie(
        `answers another resource than it was asked about: ${key} ${words(answer[key])} instead of ${words(asked[key])}`,
      )
  const labels = answer.labels === undefined ? before.labels : labelsOf(answer.labels)
  if (labels === undefined) return lie('answers labels that are no object of texts')
  const wrong = Object.entries(labels).filter(([key, value]) => before.labels[key] !== value)
  const violations = labelViolations(Object.fromEntries(wrong))
  if (violations.length > 0) return lie(`answers invalid labels: ${violations.map(violationText).join('; ')}`)
  const spec = specOfAnswer(work, before, asked, answer)
  return typeof spec === 'string' ? lie(spec) : { ok: true, content: { ...spec, labels } }
}

function specOfAnswer(
  { row }: HookWork,
  before: ResourceContent,
  asked: JsonObject,
  answer: Readonly<Record<string, unknown>>,
): Pick<ResourceContent, 'typeUrl' | 'spec'> | string {
  const same = { typeUrl: before.typeUrl, spec: before.spec }
  if (sameValue(specPart(asked), specPart(answer), 0)) return same
  const type = typeOf(row.type)
  // Name and labels are compared with what was asked, and may be of a zone: here only the spec is looked at.
  const body = {
    ...answer,
    type: type.name,
    name: 'x',
    labels: {},
    ...(type.scope === 'mesh' ? { mesh: 'default' } : {}),
  }
  const read = parseBody(type, body, { writer: { role: 'global' } })
  switch (read.outcome) {
    case 'unreadable':
      return `answers what cannot be read: ${read.reason}`
    case 'invalid':
      return `answers what is not valid: ${read.violations.map(violationText).join('; ')}`
    case 'parsed': {
      const { typeUrl, spec } = read.body
      return sameSpec(type, before.spec, spec) ? same : { typeUrl, spec }
    }
  }
}

const specPart = (resource: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(resource).filter(([key]) => key !== 'labels' && !shownOnly.has(key)))

/** Labels as they are stored: whose it is is told by other means. */
function labelsOf(value: unknown): Labels | undefined {
  if (!isObject(value)) return undefined
  const entries = Object.entries(value)
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) return undefined
  return Object.fromEntries(entries.filter(([key]) => key !== originLabel))
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const words = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : value === undefined ? 'none' : `a ${typeof value}`

const levelsMax = 100

/** Equal JSON values, in whatever order their keys stand. Deeper ones count as different and are refused when read. */
function sameValue(a: unknown, b: unknown, level: number): boolean {
  if (a === b) return true
  if (level > levelsMax) return false
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((each, i) => sameValue(each, b[i], level + 1))
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key], level + 1))
  )
}
