import { isObject, type JsonObject, textOf } from '../api.js'

const zoneLabel = 'kuma.io/zone'
const displayNameLabel = 'kuma.io/display-name'

/** The name by which people know a resource: on other control planes than its own the stored one carries a hash. */
export const displayNameOf = (item: JsonObject): string => labelOf(item, displayNameLabel) || textOf(item.name)
export const zoneOf = (item: JsonObject): string => labelOf(item, zoneLabel)

const labelOf = (item: JsonObject, key: string): string => (isObject(item.labels) ? textOf(item.labels[key]) : '')
