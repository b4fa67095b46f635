import { sameAuthored } from '../kinds/index.js'
import { fieldOf, isJsonArray, type Json, type JsonObject } from '../kinds/json.js'
import { displayNameLabel, namespaceLabel, originLabel, zoneLabel } from '../labels.js'
import { displayNameOf, exportName } from '../names.js'
import { violationText } from '../problems.js'
import type { ExportedResource } from '../resource.js'
import type { Writer } from '../rest/metadata.js'
import { type ParsedBody, parseBody } from '../rest/parse.js'
import type { TypeDescriptor } from '../type-table.js'
import { findType } from '../types.js'
import { labelsOf, objectOf, textOf } from './universal.js'

/** Where resources come from. `zone` '' for a global. */
export interface MoveSource {
  readonly zone: string
  /** As the HTTP API shows them. */
  readonly objects: readonly JsonObject[]
}

/** Where they go. */
export interface MoveTarget {
  readonly mode: 'global' | 'federated' | 'standalone'
  /** '' at global. */
  readonly zone: string
}

/** A resource to be written, and how it is called in what came. */
export interface Moving {
  readonly type: TypeDescriptor
  readonly mesh: string
  readonly name: string
  /** As our API takes it. */
  readonly object: JsonObject
  readonly body: ParsedBody
}

/** A resource that is not written. `cannot`: somebody has to do something about it. */
export interface Staying {
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly verdict: 'elsewhere' | 'computed' | 'cannot'
  readonly why: string
}

/** What a zone owns and a Kuma global keeps a copy of: ours keeps one too until that zone has joined and says it itself. */
export interface Copied {
  readonly type: TypeDescriptor
  readonly mesh: string
  readonly name: string
  readonly zone: string
  readonly object: JsonObject
}

/** An address that a service has in a zone of Kuma's. */
export interface VipClaim {
  readonly kind: string
  readonly mesh: string
  /** Zone that owns the service, null for global. */
  readonly zone: string | null
  readonly namespace: string
  readonly name: string
  /** Zone in which the address holds. */
  readonly inZone: string
  readonly address: string
}

export interface MovePlan {
  /** In the order in which they may be written. */
  readonly moving: readonly Moving[]
  /** At a global only. */
  readonly copies: readonly Copied[]
  readonly staying: readonly Staying[]
  readonly claims: readonly VipClaim[]
}

/** Why resources cannot come from there to here at all; undefined if they can. */
export function moveProblem(source: Pick<MoveSource, 'zone'>, target: MoveTarget): string | undefined {
  if (target.mode === 'global') return undefined
  if (source.zone === '')
    return `this is zone ${target.zone}, and what a Kuma global has goes to a global: name ours with --url`
  return source.zone === target.zone
    ? undefined
    : `this is zone ${target.zone}, and that is Kuma's zone ${source.zone}: a zone moves under its own name, for names and addresses depend on it`
}

/**
 * What becomes of everything that a Kuma control plane has: written here as ours, left to the control plane that owns it,
 * or impossible. And which address each service has where.
 */
export function planMove(source: MoveSource, target: MoveTarget): MovePlan {
  const moving: Moving[] = []
  const copies: Copied[] = []
  const staying: Staying[] = []
  const claims: VipClaim[] = []
  for (const object of source.objects) {
    const word = textOf(object, 'type')
    const type = findType(word)
    const mesh = textOf(object, 'mesh')
    const name = textOf(object, 'name')
    const stays = (verdict: Staying['verdict'], why: string): void => {
      staying.push({ type: word, mesh, name, verdict, why })
    }
    if (type === undefined) {
      stays(
        'cannot',
        'Holdfast does not know this type: zones of Kuma that come here are told that there is none of it, and delete what they have',
      )
      continue
    }
    claims.push(...claimsOf(type, object, source))
    const zone = copiedFrom(type, object, source, target)
    const elsewhere = ownerElsewhere(type, object, source, target)
    if (zone !== undefined) copies.push({ type, mesh, name, zone, object })
    else if (elsewhere !== undefined) stays(...elsewhere)
    else {
      const read = readMoving(type, ownForm(type, object, target), target)
      if (typeof read === 'string') stays('cannot', read)
      else moving.push({ type, mesh, name, ...read })
    }
  }
  const inOrder = <T extends { readonly type: TypeDescriptor }>(list: T[]): T[] =>
    list.sort((a, b) => a.type.order - b.type.order)
  return { moving: inOrder(moving), copies: inOrder(copies), staying, claims }
}

/** The zone that owns what a global has a copy of; undefined: it is no such copy. */
function copiedFrom(
  type: TypeDescriptor,
  object: JsonObject,
  source: MoveSource,
  target: MoveTarget,
): string | undefined {
  if (target.mode !== 'global' || source.zone !== '' || type.readOnly || type.internal || !type.zoneToGlobal)
    return undefined
  const labels = labelsOf(object)
  return labels[originLabel] === 'zone' ? labels[zoneLabel] : undefined
}

/**
 * A copy in the form in which its zone says it, or why it cannot be kept. Its name follows from its labels, whatever the
 * global called it.
 */
export function copyResource(copy: Pick<Copied, 'type' | 'zone' | 'object'>): ExportedResource | string {
  const { type, zone, object } = copy
  const writer = { role: 'zone', zone, federated: false } as const
  const read = parseBody(type, object, { writer })
  if (read.outcome === 'unreadable') return read.reason
  if (read.outcome === 'invalid') return read.violations.map(violationText).join('; ')
  const { mesh, name, typeUrl, spec } = read.body
  const { [originLabel]: _, ...labels } = read.body.labels
  if (labels[zoneLabel] !== zone) return `label ${zoneLabel} does not say "${zone}"`
  return { type: type.name, mesh, name: exportName(type, mesh, name, labels), labels, typeUrl, spec }
}

function ownerElsewhere(
  type: TypeDescriptor,
  object: JsonObject,
  source: MoveSource,
  target: MoveTarget,
): [Staying['verdict'], string] | undefined {
  if (type.readOnly || type.internal) return ['computed', 'is computed by each control plane itself']
  if (type.name === 'GlobalSecret' && textOf(object, 'name') === 'inter-cp-ca')
    return ['computed', "is between Kuma's own processes"]
  const labels = labelsOf(object)
  if (target.mode === 'global') {
    const zone = source.zone || labels[zoneLabel]
    // What a zone got from its global is that global's to tell.
    if (source.zone !== '' && labels[originLabel] === 'global') return ['elsewhere', "is global's: import from there"]
    if (source.zone !== '' && type.providedByGlobal && !type.providedByZone)
      return ['elsewhere', "is global's: import from there"]
    if (source.zone !== '' || labels[originLabel] === 'zone' || !type.providedByGlobal)
      return [
        'elsewhere',
        zone === undefined
          ? 'is the copy of a zone’s, as its name shows: it comes with its zone'
          : `comes with zone ${zone}`,
      ]
    return undefined
  }
  if (labels[originLabel] === 'global') return ['elsewhere', 'comes from global']
  if (type.name === 'Zone') return ['elsewhere', "is global's: a zone is known there by its name"]
  // Its name says nothing either.
  if (target.mode === 'federated' && labels[originLabel] === undefined && !type.hashed)
    return ['elsewhere', "does not say whose it is, and is taken for global's"]
  return target.mode === 'federated' && !type.providedByZone ? ['elsewhere', 'comes from global'] : undefined
}

const computedFields = new Set(['creationTime', 'modificationTime', 'kri', 'snis', 'status'])

/** As its author would write it to us: without what is computed, and saying that it is the writer's own. */
function ownForm(type: TypeDescriptor, object: JsonObject, target: MoveTarget): JsonObject {
  const { [originLabel]: _, ...labels } = labelsOf(object)
  const own = target.mode === 'federated' && type.style === 'B' ? { ...labels, [originLabel]: 'zone' } : labels
  const { labels: __, ...fields } = Object.fromEntries(
    Object.entries(object).filter(([key]) => !computedFields.has(key)),
  )
  return { ...fields, ...(Object.keys(own).length === 0 ? {} : { labels: own }) }
}

const writerOf = (target: MoveTarget): Writer =>
  target.mode === 'global'
    ? { role: 'global' }
    : { role: 'zone', zone: target.zone, federated: target.mode === 'federated' }

function readMoving(
  type: TypeDescriptor,
  object: JsonObject,
  target: MoveTarget,
): Pick<Moving, 'object' | 'body'> | string {
  const read = parseBody(type, object, { writer: writerOf(target) })
  switch (read.outcome) {
    case 'parsed':
      return { object, body: read.body }
    case 'unreadable':
      return read.reason
    case 'invalid':
      return read.violations.map(violationText).join('; ')
  }
}

/** An export says of every mesh that no policies shall be made with it, which means something only when it is created. */
function specToCompare({ type, object, body }: Moving, target: MoveTarget): Uint8Array {
  const { skipCreatingInitialPolicies: said, ...rest } = object
  if (type.name !== 'Mesh' || !isJsonArray(said) || said.length !== 1 || said[0] !== '*') return body.spec
  const read = readMoving(type, rest, target)
  return typeof read === 'string' ? body.spec : read.body.spec
}

/** What an object that is here already would become: `same` decides on values, as an apply does. */
export function changeOf(
  moving: Moving,
  existing: JsonObject | undefined,
  target: MoveTarget,
): 'create' | 'change' | 'same' {
  if (existing === undefined) return 'create'
  const before = parseBody(moving.type, ownForm(moving.type, existing, target), { writer: writerOf(target) })
  if (before.outcome !== 'parsed') return 'change'
  const { body } = moving
  const kept = labelsOf(existing)
  const isLabelled = Object.entries(body.labels).every(([key, value]) => key === originLabel || kept[key] === value)
  return isLabelled && sameAuthored(moving.type, before.body.spec, specToCompare(moving, target)) ? 'same' : 'change'
}

/**
 * Addresses in the status of a service. A zone shows its own of every service; a global shows of a zone's service the
 * address that it has in its own zone, and none of the rest.
 */
function claimsOf(type: TypeDescriptor, object: JsonObject, source: MoveSource): readonly VipClaim[] {
  if (!type.vipKind) return []
  const labels = labelsOf(object)
  const isSynced = labels[originLabel] === 'global'
  const zone = labels[zoneLabel] ?? (source.zone === '' || isSynced ? null : source.zone)
  const inZone = source.zone || zone
  if (inZone === null) return []
  const status = objectOf(fieldOf(object, 'status'))
  const addresses = [...ips(fieldOf(status, 'vips')), ...ips([fieldOf(status, 'vip') ?? null])]
  const name = textOf(object, 'name')
  return [...new Set(addresses)].map((address) => ({
    kind: type.name,
    mesh: textOf(object, 'mesh'),
    zone,
    namespace: labels[namespaceLabel] ?? '',
    name: displayNameOf(name, { [displayNameLabel]: labels[displayNameLabel] ?? '' }),
    inZone,
    address,
  }))
}

const ips = (value: Json | undefined): readonly string[] =>
  isJsonArray(value)
    ? value.flatMap((each) => {
        const ip = textOf(objectOf(each), 'ip')
        return ip === '' ? [] : [ip]
      })
    : []
