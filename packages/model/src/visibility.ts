import { syncLabel } from './labels.js'
import { type Audience, globalOrigin, type Origin, type Resource } from './resource.js'
import { isProducer } from './services/policy-role.js'
import { allTypes, type TypeDescriptor } from './type-table.js'
import { typesSentDown, typesSentUp } from './types.js'

/** Kuma keeps these on global: keys and tokens of its own API and of the connections between control planes. */
const globalSecretsThatStay = new Set(['envoy-admin-ca', 'admin-user-token', 'inter-cp-ca', 'user-token-revocations'])

/**
 * Private keys never leave global. Of `zone-token-signing-key*` global publishes the public half as a secret of its own,
 * `zone-token-signing-public-key*`. `holdfast-`: the authority of certificates, and what is revoked.
 */
const globalSecretPrefixesThatStay = ['user-token-signing-key', 'zone-token-signing-key', 'holdfast-']

/** What global makes of a key of its own for its zones: worth nothing without that key, and made anew with another one. */
export const isPublicHalf = (type: string, name: string): boolean =>
  type === 'GlobalSecret' && name.startsWith('zone-token-signing-public-key')

/** The identity of the whole installation, as Kuma calls it. */
export const clusterIdConfig = 'kuma-cluster-id'

/** Of all Config entries only that is of interest elsewhere. */
const configsThatTravel = new Set([clusterIdConfig])

/**
 * Who may see a resource outside the control plane that keeps it, by what is known when it is written. Computed on
 * every write, so that the digest of any zone's view is a sum of stored ones. Suspension (its mesh is gone) is
 * decided by the store.
 */
export function audienceOf(
  type: TypeDescriptor,
  labels: Readonly<Record<string, string>>,
  name: string,
  origin: Origin,
): Exclude<Audience, 'suspended'> {
  if (labels[syncLabel] === 'disabled') return 'none'
  if (type.name === 'Config' && !configsThatTravel.has(name)) return 'none'
  if (type.name === 'GlobalSecret' && staysOnGlobal(name)) return 'none'
  const travels = origin === globalOrigin ? type.globalToZones : type.zoneToGlobal
  return travels ? 'all' : 'none'
}

/**
 * The same at one control plane, of what it keeps of others as well. What a zone's policy says is for that zone, and ends at
 * global; only what is written for clients of a service goes on, to where the clients are.
 */
export function audienceAt(
  role: 'global' | 'zone',
  type: TypeDescriptor,
  row: Pick<Resource, 'labels' | 'name' | 'origin' | 'spec'>,
): Exclude<Audience, 'suspended'> {
  const endsHere =
    role === 'global' && row.origin !== globalOrigin && type.policy?.plugin === true && !isProducer(type.policy, row)
  return endsHere ? 'none' : audienceOf(type, row.labels, row.name, row.origin)
}

const staysOnGlobal = (name: string): boolean =>
  globalSecretsThatStay.has(name) || globalSecretPrefixesThatStay.some((prefix) => name.startsWith(prefix))

/**
 * Whether a Holdfast zone may see what global keeps: what global owns of the types that go down, and what other
 * zones own of the types that cross zones; never its own (no echo). `audience` is the one at global.
 */
export function isVisibleTo(type: TypeDescriptor, origin: Origin, audience: Audience, zone: string): boolean {
  if (audience !== 'all' || origin === zone) return false
  return origin === globalOrigin ? type.globalToZones : type.acrossZones
}

/**
 * Types that a zone is not told of, by whose they are; and those that global is not told of. Whatever is on none of these
 * lists is told as its audience says: for a type that we do not know that is all there is to go by (UNKNOWN).
 */
export const typesKept = (): {
  readonly ofGlobal: readonly string[]
  readonly ofZones: readonly string[]
  readonly fromGlobal: readonly string[]
} => {
  const names = (travels: (type: TypeDescriptor) => boolean): readonly string[] =>
    allTypes.filter((type) => !travels(type)).map((type) => type.name)
  return {
    ofGlobal: names((type) => type.globalToZones),
    ofZones: names((type) => type.acrossZones),
    fromGlobal: names((type) => type.zoneToGlobal),
  }
}

/** `isVisibleTo` as data for a query: audience `all`, and the origin decides which list the type must be in. */
export const downTypes = (): { readonly fromGlobal: readonly string[]; readonly acrossZones: readonly string[] } => ({
  fromGlobal: typesSentDown.filter((type) => type.globalToZones).map((type) => type.name),
  acrossZones: typesSentDown.filter((type) => type.acrossZones).map((type) => type.name),
})

/** What a zone sends up: these types, its own origin only, audience `all`. */
export const upTypes = (): readonly string[] => typesSentUp.map((type) => type.name)

/**
 * What no hook sees: private keys, the leases that addresses come from, and what the control planes write for
 * themselves. A hook that is away must not keep a zone from getting its addresses.
 */
const uncovered = new Set(['VipPool', 'VipBlock', 'Config', 'Secret', 'GlobalSecret', 'Zone', 'ServiceInsight'])

/** Names of the types that a hook may be asked about, in dependency order. */
export const hookableTypes: readonly string[] = typesSentDown
  .map((type) => type.name)
  .filter((name) => !uncovered.has(name))
