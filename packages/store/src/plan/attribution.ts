import type { Channel } from '@holdfast/kds'
import {
  type DescribedType,
  displayNameOf,
  downTypes,
  type ExportedResource,
  exportName,
  findType,
  type Labels,
  namespaceLabel,
  type Origin,
  type ResourceKey,
  upTypes,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import { originWords } from './keys.js'
import type { Owner, RoleIdentity } from './types.js'

const fromGlobal: ReadonlySet<string> = new Set(downTypes().fromGlobal)
const acrossZones: ReadonlySet<string> = new Set(downTypes().acrossZones)
const fromZones: ReadonlySet<string> = new Set(upTypes())

/** Who speaks, on which channel, to whom. */
export interface Hearing {
  readonly channel: Channel
  /** Zone name, or '' for global. */
  readonly peer: string
  /** A Kuma: it says all that it has on every new stream, and cannot be asked for one thing. */
  readonly plain?: boolean | undefined
}

/**
 * The origin of what a peer offers (ATTR): a zone speaks only for itself. Global speaks for every zone but ours, and
 * says whose it is by the zone label, which no resource of its own carries.
 */
export function originOf(resource: Pick<ExportedResource, 'type' | 'labels'>, hearing: Hearing): Origin {
  if (hearing.channel !== 'down') return hearing.peer
  const mayCross = acrossZones.has(resource.type) || findType(resource.type) === undefined
  return mayCross ? (resource.labels[zoneLabel] ?? '') : ''
}

/** The same for what is already there: whose rows a peer may remove. */
export const maySpeakFor = (origin: Origin, hearing: Hearing, identity: RoleIdentity): boolean =>
  hearing.channel === 'down' ? origin !== identity.name : origin === hearing.peer

/** What is wrong with who is said to own it and how it is called; undefined if it may be believed. */
export function attributionProblem(
  resource: ExportedResource,
  origin: Origin,
  hearing: Hearing,
  identity: RoleIdentity,
  learned?: DescribedType | undefined,
): string | undefined {
  if (hearing.channel === 'down' && origin === identity.name)
    return `it is said to be this zone's own; what zone ${identity.name} owns is written here and nowhere else`
  const known = findType(resource.type)
  // A type that we do not know is kept raw: nothing can be said about its name before a peer has described it.
  const type = known === undefined ? learned : known
  if (type === undefined) return undefined
  if (!travels(type, known === undefined, hearing, origin))
    return `${type.name} of ${originWords(origin)} is not synced this way`
  if ((type.scope === 'mesh') !== (resource.mesh !== ''))
    return type.scope === 'mesh'
      ? `${type.name} lives in a mesh, and none is named`
      : `${type.name} lives in no mesh, and "${resource.mesh}" is named`
  const zone = resource.labels[zoneLabel]
  // Without it the name would be one that global's own resources may have.
  if (hearing.channel !== 'down' && zone !== hearing.peer)
    return `label ${zoneLabel} ${zone === undefined ? 'is missing' : `says "${zone}"`}, and this is zone ${hearing.peer}'s connection`
  const expected = exportName(type, resource.mesh, resource.name, resource.labels)
  return expected === resource.name
    ? undefined
    : `the name does not follow from the labels: with these it is "${expected}"`
}

function travels(
  type: { readonly name: string } & TravelFlags,
  isRaw: boolean,
  hearing: Hearing,
  origin: Origin,
): boolean {
  if (isRaw)
    return hearing.channel === 'down' ? (origin === '' ? type.globalToZones : type.acrossZones) : type.zoneToGlobal
  return (hearing.channel === 'down' ? (origin === '' ? fromGlobal : acrossZones) : fromZones).has(type.name)
}

type TravelFlags = Pick<DescribedType, 'globalToZones' | 'zoneToGlobal' | 'acrossZones'>

export const namespaceOf = (labels: Labels): string => labels[namespaceLabel] ?? ''

/** The owner that an offered service's addresses are booked under. */
export const ownerOfOffer = (resource: ExportedResource, origin: Origin): Owner => ({
  kind: resource.type,
  mesh: resource.mesh,
  origin,
  namespace: namespaceOf(resource.labels),
  displayName: displayNameOf(resource.name, resource.labels),
})

export const keyOfOffer = ({ type, mesh, name }: ExportedResource): ResourceKey => ({ type, mesh, name })

export const wireKeyOf = ({ mesh, name }: { readonly mesh: string; readonly name: string }): string =>
  wireKey(mesh, name)
