import { isDeepStrictEqual } from 'node:util'
import {
  computedLabels,
  originLabel,
  parseBody,
  sameAuthored,
  shownLabels,
  type TypeDescriptor,
  toRest,
  type Writer,
} from '@holdfast/model'
import { isObject, type JsonObject, textOf } from '../api.js'
import { authored } from './authored.js'
import type { Standing } from './standing.js'

/** A resource that is to be applied. */
export interface Wanted {
  readonly type: TypeDescriptor
  readonly object: JsonObject
}

/** What applying one resource would do. */
export interface Change {
  readonly outcome: 'created' | 'updated' | 'unchanged'
  readonly type: TypeDescriptor
  readonly mesh: string
  readonly name: string
  /** As the control plane shows it now; undefined where there is none. */
  readonly before: JsonObject | undefined
  /** As it would show it then: defaults filled in, labels computed; addresses and times as they are now. */
  readonly after: JsonObject
}

/** Where a resource stands: what it is found by. */
export const keyOf = (type: TypeDescriptor, mesh: string, name: string): string =>
  JSON.stringify([type.name, type.scope === 'mesh' ? mesh : '', name])

/** What another control plane owns, as its own label says: it cannot be written here, and need not if it is the same. */
export function isForeign({ object }: Wanted, { mode }: Standing): boolean {
  const origin = isObject(object.labels) ? object.labels[originLabel] : undefined
  return mode === 'global' ? origin === 'zone' : mode === 'federated' && origin === 'global'
}

/** Whether somebody has written something else: what is computed, and the order of keys, are nobody's writing. */
export const sameAsShown = (a: JsonObject, b: JsonObject | undefined): boolean =>
  isDeepStrictEqual(authored(a), authored(b))

export const writerOf = ({ mode, zone }: Standing): Writer =>
  mode === 'global' ? { role: 'global' } : { role: 'zone', zone, federated: mode === 'federated' }

/** A federated zone wants to be told that what it is given is its own. */
export function asOwn({ type, object }: Wanted, { mode }: Standing): JsonObject {
  if (mode !== 'federated' || type.style !== 'B') return object
  const labels = isObject(object.labels) ? object.labels : {}
  return { ...object, labels: { [originLabel]: 'zone', ...labels } }
}

/**
 * What applying would do, by the control plane's own rules: the same labels are computed, the same defaults filled in,
 * and sameness is decided on values. What only it knows (who has a pinned address, quotas, hooks) is not looked at.
 */
export function changeOf(wanted: Wanted, before: JsonObject | undefined, standing: Standing): Change {
  const { type } = wanted
  const object = asOwn(wanted, standing)
  const name = textOf(object.name)
  const mesh = type.scope === 'mesh' ? textOf(object.mesh) : ''
  const now = read(type, before, standing)
  const then = read(type, object, standing)
  const role = standing.mode === 'global' ? 'global' : 'zone'
  if (isForeign(wanted, standing) && sameAsShown(wanted.object, before))
    return { outcome: 'unchanged', type, mesh, name, before, after: wanted.object }
  // It was read once when the files were; what this control plane alone refuses, it will say itself.
  if (then === undefined)
    return { outcome: before === undefined ? 'created' : 'updated', type, mesh, name, before, after: object }
  const labels = computedLabels(type, mesh, name, role, standing.zone, then.labels, then.kindLabels)
  const origin = role === 'global' || !type.providedByZone ? '' : standing.zone
  const resource = { type: type.name, mesh, name, labels, spec: then.spec, typeUrl: then.typeUrl, origin }
  const viewer = role === 'global' ? ({ role } as const) : ({ role, zone: standing.zone } as const)
  const shown = toRest(resource, {
    viewer,
    creationTime: textOf(before?.creationTime),
    modificationTime: textOf(before?.modificationTime),
    ...(isObject(before?.status) ? { status: before.status as never } : {}),
  }) as JsonObject
  const after =
    standing.isHoldfast || before === undefined ? shown : { ...shown, labels: labelsOfKuma(before, then.labels) }
  const same =
    before !== undefined &&
    now !== undefined &&
    sameAuthored(type, now.spec, then.spec) &&
    sameLabels(
      isObject(before.labels) ? before.labels : {},
      standing.isHoldfast ? shownLabels(resource, type, viewer) : (after.labels as JsonObject),
    )
  return { outcome: before === undefined ? 'created' : same ? 'unchanged' : 'updated', type, mesh, name, before, after }
}

/** Which labels a Kuma computes depends on its version: those of its own that it has, it will have again. */
function labelsOfKuma(before: JsonObject, given: Readonly<Record<string, string>>): JsonObject {
  const own = Object.entries(isObject(before.labels) ? before.labels : {}).filter(([key]) =>
    /(^|\.)kuma\.io\//.test(key),
  )
  return { ...Object.fromEntries(own), ...given }
}

function read(type: TypeDescriptor, object: JsonObject | undefined, standing: Standing) {
  if (object === undefined) return undefined
  const { status: _, ...authored } = object
  const body = parseBody(type, authored, { writer: writerOf(standing) })
  return body.outcome === 'parsed' ? body.body : undefined
}

const sameLabels = (a: JsonObject, b: JsonObject): boolean => {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)].filter((key) => key !== originLabel))
  return [...keys].every((key) => a[key] === b[key])
}
