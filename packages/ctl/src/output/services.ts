import { isObject, type JsonObject, objectsOf, textOf } from '../api.js'

const zoneLabel = 'kuma.io/zone'
const displayNameLabel = 'kuma.io/display-name'

/** The name by which people know a resource: on other control planes than its own the stored one carries a hash. */
export const displayNameOf = (item: JsonObject): string => labelOf(item, displayNameLabel) || textOf(item.name)
export const zoneOf = (item: JsonObject): string => labelOf(item, zoneLabel)

const labelOf = (item: JsonObject, key: string): string => (isObject(item.labels) ? textOf(item.labels[key]) : '')
const statusOf = (item: JsonObject): JsonObject => (isObject(item.status) ? item.status : {})

export function vipsOf(item: JsonObject): readonly string[] {
  const { vips, vip } = statusOf(item)
  const all = objectsOf(vips).map(({ ip }) => textOf(ip))
  return all.length > 0 || !isObject(vip) ? all : [textOf(vip.ip)].filter((ip) => ip !== '')
}

export const hostnamesOf = (item: JsonObject): readonly string[] =>
  objectsOf(statusOf(item).addresses).map(({ hostname }) => textOf(hostname))

/** `Suspended` where its mesh is gone, `Pending` while it waits for a VIP, `Held` and `Refused` as they say; else what its origin says of its proxies. */
export function stateOf(item: JsonObject): string {
  const reasons = objectsOf(statusOf(item).conditions).map(({ reason }) => reason)
  if (reasons.includes('MeshMissing')) return 'Suspended'
  if (reasons.includes('Pending')) return 'Pending'
  if (reasons.includes('Held')) return 'Held'
  if (reasons.includes('Refused')) return 'Refused'
  return isObject(item.spec) ? textOf(item.spec.state) : ''
}

export const serviceHeaders = ['NAME', 'ZONE', 'MESH', 'VIP', 'HOSTNAME', 'STATE']
export const serviceRow = (item: JsonObject): readonly string[] => [
  displayNameOf(item),
  zoneOf(item),
  textOf(item.mesh),
  vipsOf(item).join(', '),
  hostnamesOf(item).join(', '),
  stateOf(item),
]
