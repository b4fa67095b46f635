import { utf8 } from '../bytes.js'
import { fieldOf, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import type { TypeDescriptor } from '../type-table.js'
import { addressBytes, addressText } from '../vips.js'

/** What the control plane that is asked knows of a service by itself; the rest of a status is its origin's. */
export interface ServiceStatus {
  /** Canonical text, IPv4 before IPv6. */
  readonly vips: readonly string[]
  readonly addresses: readonly Json[]
  readonly hostnameGenerators: readonly Json[]
  readonly conditions: readonly Json[]
  /** Of a MeshMultiZoneService: the services that it matches. */
  readonly meshServices?: readonly Json[] | undefined
}

/** Addresses that a control plane has written into the status of a service, in canonical text; none in what is no such JSON. */
export function statusVips(status: Uint8Array | undefined): readonly string[] {
  const read = status === undefined || status.byteLength === 0 ? undefined : readJsonSpec(status)
  if (read === undefined) return []
  const listed = fieldOf(read, 'vips')
  const all = [fieldOf(read, 'vip'), ...(Array.isArray(listed) ? listed : [])]
  return [...new Set(all.flatMap((one) => ipOf(one) ?? []))]
}

function ipOf(value: Json | undefined): string | undefined {
  const ip = isJsonObject(value) ? fieldOf(value, 'ip') : undefined
  if (typeof ip !== 'string') return undefined
  try {
    return addressText(addressBytes(ip))
  } catch {
    return undefined
  }
}

/**
 * Status of a service with the addresses that its zone has given it written in, as a Kuma zone tells its global. What
 * stands in it already stays.
 */
export function statusWithVips(
  type: TypeDescriptor,
  status: Uint8Array | undefined,
  addresses: readonly string[],
): Uint8Array {
  const stored = status === undefined || status.byteLength === 0 ? utf8(type.emptyStatus) : status
  const read = readJsonSpec(stored)
  const [first] = addresses
  if (read === undefined || first === undefined || statusVips(stored).length > 0) return stored
  const vips: JsonObject =
    type.name === 'MeshExternalService' ? { vip: { ip: first } } : { vips: addresses.map((ip) => ({ ip })) }
  const merged: JsonObject = { ...read, ...vips }
  const keys = [...keyOrder, ...Object.keys(merged).filter((key) => !keyOrder.includes(key))]
  const ordered = keys.flatMap((key): [string, Json][] => {
    const value = fieldOf(merged, key)
    return value === undefined ? [] : [[key, value]]
  })
  return utf8(JSON.stringify(Object.fromEntries(ordered)))
}

const keyOrder = [
  'vip',
  'addresses',
  'vips',
  'tls',
  'meshServices',
  'hostnameGenerators',
  'dataplaneProxies',
  'conditions',
]

/**
 * Status of a service as the API shows it: what its origin says (`stored`, JSON) with our own VIPs and names over it,
 * keys in Kuma's order. A MeshExternalService has one `vip`, the others a list of `vips`; a second address of the
 * former stands in `vips` as well.
 */
export function serviceStatus(type: TypeDescriptor, stored: Uint8Array | undefined, own: ServiceStatus): JsonObject {
  const base = readJsonSpec(stored ?? Buffer.from(type.emptyStatus)) ?? {}
  const list = own.vips.map((ip) => ({ ip }))
  const isExternal = type.name === 'MeshExternalService'
  const merged: JsonObject = {
    ...base,
    ...(isExternal ? { vip: list[0] ?? {} } : {}),
    addresses: own.addresses,
    vips: isExternal && list.length < 2 ? [] : list,
    hostnameGenerators: own.hostnameGenerators,
    ...(own.meshServices === undefined ? {} : { meshServices: own.meshServices }),
    ...(own.conditions.length === 0 ? {} : { conditions: own.conditions }),
  }
  const keys = [...keyOrder, ...Object.keys(merged).filter((key) => !keyOrder.includes(key))]
  return Object.fromEntries(
    keys.flatMap((key): [string, Json][] => {
      const value = fieldOf(merged, key)
      return value === undefined || (Array.isArray(value) && value.length === 0) ? [] : [[key, value]]
    }),
  )
}
