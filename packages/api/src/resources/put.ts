import {
  computedLabels,
  displayNameOf,
  type Labels,
  namespaceLabel,
  originLabel,
  type ParsedBody,
  sameAuthored,
  type TypeDescriptor,
  vipPins,
  wantsVip,
} from '@holdfast/model'
import type { LocalChange, Row } from '@holdfast/store'
import { notValid, titles } from '../http/errors.js'
import type { Mode } from '../options.js'
import { immutableLabelProblems } from './immutable-labels.js'

export interface Place {
  readonly mode: Mode
  readonly zoneName: string
}

export interface PlannedPut {
  readonly change: Extract<LocalChange, { change: 'put' }>
  /** What would be stored, with the origin as the API shows it. */
  readonly shown: Labels
}

/** A body that was found valid, as a change for the store: labels computed, pins read, sameness decided on values. */
export function plannedPut(type: TypeDescriptor, body: ParsedBody, { mode, zoneName }: Place): PlannedPut {
  const role = mode === 'global' ? 'global' : 'zone'
  const { mesh, name, labels: given, spec } = body
  const labels = computedLabels(type, mesh, name, role, zoneName, given, body.kindLabels)
  const origin = given[originLabel] ?? (role === 'zone' && type.providedByZone ? 'zone' : undefined)
  const pins = vipPins(labels)
  return {
    shown: { ...labels, ...(origin === undefined ? {} : { [originLabel]: origin }) },
    change: {
      change: 'put',
      key: { type: type.name, mesh, name },
      content: { labels, typeUrl: body.typeUrl, spec },
      namespace: labels[namespaceLabel] ?? '',
      displayName: displayNameOf(name, labels),
      ...(pins.v4 === undefined && pins.v6 === undefined ? {} : { pins }),
      wantsVip: wantsVip(type, labels),
      sameAs: (existing) => sameAuthored(type, existing.spec, spec),
    },
  }
}

/** Throws 400 with each label that must stay as it is. `shownBefore`: labels of the stored row, its origin included. */
export function checkImmutable(
  existing: Row | undefined,
  shownBefore: Labels,
  given: Labels,
  planned: PlannedPut,
): void {
  if (existing === undefined || existing.deleted) return
  const violations = immutableLabelProblems(shownBefore, given, planned.shown)
  if (violations.length > 0) throw notValid(titles.immutable, violations)
}
