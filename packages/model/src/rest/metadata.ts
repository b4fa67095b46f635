import { pinViolations } from '../kinds/pins.js'
import { brakeViolations } from '../kinds/quota.js'
import {
  computedLabels,
  displayNameLabel,
  type Labels,
  labelViolations,
  meshLabel,
  originLabel,
  workloadLabel,
  zoneLabel,
} from '../labels.js'
import { dns1035Problems, dns1035Types, meshProblems, nameProblems, type Reasons } from '../name-rules.js'
import type { Violation } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'
import type { Envelope } from './envelope.js'

/** The control plane that is asked to write. A zone without a global is `federated: false`. */
export type Writer =
  | { readonly role: 'global' }
  | { readonly role: 'zone'; readonly zone: string; readonly federated: boolean }

export interface WriteContext {
  readonly writer: Writer
  /** Name and mesh in the URL; without one (bulk), the body decides. */
  readonly urlName?: string | undefined
  readonly urlMesh?: string | undefined
}

/** Who a body says it is, and everything wrong with that: in Kuma's order name, type, mesh, labels, syntax. */
export interface Metadata {
  readonly name: string
  readonly mesh: string
  readonly violations: readonly Violation[]
}

export function checkMetadata(type: TypeDescriptor, envelope: Envelope, context: WriteContext): Metadata {
  const name = envelope.name ?? ''
  // A type with `spec` and without mesh lives in `default`; the others must say where.
  const givenMesh = envelope.mesh ?? (type.style === 'B' ? 'default' : '')
  const mesh = type.scope === 'mesh' ? givenMesh : ''
  const isBroken = (field: string): boolean => envelope.broken.has(field) || envelope.broken.has(`.${field}`)
  const same = (field: string, value: string, url: string | undefined): readonly Violation[] =>
    url === undefined || url === value || isBroken(field)
      ? []
      : [{ path: field, message: `${field} from the URL has to be the same as in body` }]
  const at = (path: string, reasons: Reasons): readonly Violation[] => reasons.map((message) => ({ path, message }))
  return {
    name,
    mesh,
    violations: [
      ...same('name', name, context.urlName),
      ...typeViolations(type, envelope, isBroken('type')),
      ...(type.scope === 'mesh' ? same('mesh', mesh, context.urlMesh) : []),
      ...at('name', lengthReasons(name, context.writer)),
      ...originViolations(type, envelope.labels, context.writer),
      ...placeViolations(type, mesh, envelope.labels, context.writer),
      ...labelViolations(envelope.labels),
      ...(isBroken('name') ? [] : at('name', nameProblems(name))),
      ...displayNameViolations(type, mesh, name, envelope.labels),
      ...workloadViolations(type, envelope.labels),
      ...(type.scope === 'mesh' && !isBroken('mesh') ? at('mesh', meshProblems(mesh)) : []),
      ...pinViolations(type, envelope.labels),
      ...brakeViolations(type, envelope.labels),
    ],
  }
}

function typeViolations(type: TypeDescriptor, envelope: Envelope, isBroken: boolean): readonly Violation[] {
  if (envelope.type === type.name || isBroken) return []
  return type.style === 'B'
    ? [{ path: '', message: `type in body should be one of [${type.name}]` }]
    : [{ path: 'type', message: 'type from the URL has to be the same as in body' }]
}

/** The zone's name is put before it somewhere on the way of a federated zone's resources. */
const lengthReasons = (name: string, writer: Writer): Reasons =>
  writer.role === 'zone' && writer.federated && Buffer.byteLength(`${writer.zone}.${name}`) >= 253
    ? ['the length of the name must be shorter']
    : []

/** Host names are made of the display name; Kuma 2.14 warns of one that does not fit, later ones refuse it. */
function displayNameViolations(type: TypeDescriptor, mesh: string, name: string, labels: Labels): readonly Violation[] {
  if (!dns1035Types.has(type.name) || nameProblems(name).length > 0) return []
  const isGiven = (labels[displayNameLabel] ?? '') !== ''
  const displayName = computedLabels(type, mesh, name, 'global', '', labels)[displayNameLabel] ?? name
  const path = isGiven ? `labels[${JSON.stringify(displayNameLabel)}]` : 'name'
  return dns1035Problems(displayName).map((message) => ({ path, message }))
}

/** Services are named after it. */
function workloadViolations(type: TypeDescriptor, labels: Labels): readonly Violation[] {
  const workload = labels[workloadLabel]
  if (type.name !== 'Dataplane' || workload === undefined) return []
  return dns1035Problems(workload).map((reason) => ({
    path: `labels[${JSON.stringify(workloadLabel)}]`,
    message: `must be a valid DNS-1035 label: ${reason}`,
  }))
}

function originViolations(type: TypeDescriptor, labels: Labels, writer: Writer): readonly Violation[] {
  const origin = labels[originLabel]
  const path = `labels[${JSON.stringify(originLabel)}]`
  const required = writer.role === 'global' ? 'global' : 'zone'
  // A federated zone wants it said for types with `spec`; for the others it never looked.
  const mustBe = writer.role === 'global' ? origin !== undefined : writer.federated && type.style === 'B'
  return [
    ...(origin === undefined || origin === 'global' || origin === 'zone'
      ? []
      : [{ path, message: `unknown resource origin ${JSON.stringify(origin)}` }]),
    ...(mustBe && origin !== required ? [{ path, message: `the origin label must be set to '${required}'` }] : []),
  ]
}

function placeViolations(type: TypeDescriptor, mesh: string, labels: Labels, writer: Writer): readonly Violation[] {
  if (writer.role === 'global') return []
  const zone = labels[zoneLabel]
  const ofMesh = labels[meshLabel]
  return [
    ...(zone === undefined || zone === writer.zone || labels[originLabel] === 'global'
      ? []
      : [
          {
            path: `labels[${JSON.stringify(zoneLabel)}]`,
            message: `${zoneLabel} label should have ${writer.zone} value`,
          },
        ]),
    ...(ofMesh === undefined || type.scope !== 'mesh' || ofMesh === mesh
      ? []
      : [
          {
            path: `labels[${JSON.stringify(meshLabel)}]`,
            message: `${meshLabel} label must not differ from mesh set on resource`,
          },
        ]),
  ]
}
