import { byUtf8, hasSurrogate, prefixedBytes } from './bytes.js'
import { subdomainProblems } from './name-rules.js'
import type { Violation } from './problems.js'
import type { TypeDescriptor } from './type-table.js'

export type Labels = Readonly<Record<string, string>>

export const displayNameLabel = 'kuma.io/display-name'
export const originLabel = 'kuma.io/origin'
export const zoneLabel = 'kuma.io/zone'
export const meshLabel = 'kuma.io/mesh'
export const envLabel = 'kuma.io/env'
export const namespaceLabel = 'k8s.kuma.io/namespace'
export const serviceNameLabel = 'k8s.kuma.io/service-name'
export const serviceAccountLabel = 'k8s.kuma.io/service-account'
export const headlessLabel = 'k8s.kuma.io/is-headless-service'
export const proxyTypeLabel = 'kuma.io/proxy-type'
export const policyRoleLabel = 'kuma.io/policy-role'
export const managedByLabel = 'kuma.io/managed-by'
export const syncLabel = 'kuma.io/kds-sync'
export const workloadLabel = 'kuma.io/workload'
export const graceLabel = 'kuma.io/deletion-grace-period-started-at'
export const listenerIngressLabel = 'kuma.io/listener-zoneingress'
export const listenerEgressLabel = 'kuma.io/listener-zoneegress'
/** Pins: an IPv4 address, and an IPv6 address with dashes for its colons, which a label value may not contain. */
export const vipLabel = 'holdfast.io/vip'
export const vip6Label = 'holdfast.io/vip6'

/**
 * Labels as they are hashed and compared: without those that tell where a copy came from or what only its keeper
 * needs, and without what the origin is configured to keep to itself.
 */
export function exportLabels(labels: Labels, options: { readonly skipPrefixes?: readonly string[] } = {}): Labels {
  const skipPrefixes = options.skipPrefixes ?? []
  // Nearly always there is nothing to leave out, and this is asked several times for each resource that changes.
  if (skipPrefixes.length === 0 && !Object.hasOwn(labels, originLabel) && !Object.hasOwn(labels, graceLabel))
    return labels
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([key]) => key !== originLabel && key !== graceLabel && !skipPrefixes.some((prefix) => key.startsWith(prefix)),
    ),
  )
}

/** Entries in the order of their keys' UTF-8 bytes, as deterministic protobuf sorts a map. */
export function sortedLabels(labels: Labels): ReadonlyArray<readonly [string, string]> {
  // By code units first, which is the engine's own order; it is another one only where there is a surrogate.
  const keys = Object.keys(labels).sort()
  if (keys.some(hasSurrogate)) keys.sort(byUtf8)
  return keys.map((key) => [key, labels[key] ?? ''])
}

/** Canonical bytes: keys and values in turn, each with its length, sorted by key. Equal labels, equal bytes, and back. */
export function canonicalLabels(labels: Labels): Uint8Array {
  const known = canonical.get(labels)
  if (known !== undefined) return known
  const bytes = prefixedBytes(...sortedLabels(labels).flat())
  canonical.set(labels, bytes)
  return bytes
}

/** Made once for the hash, and once more for the columns that the database hashes. Labels are never changed in place. */
const canonical = new WeakMap<Labels, Uint8Array>()

/**
 * Labels that a control plane stores with a local write: what was given, and what Kuma 2.14 computes. Beyond it the
 * display name of every type that is renamed on its way, so that a selector matches an original as it matches its
 * copies. `kuma.io/origin` is left out: it follows from the role and the origin column.
 * @param kindLabels what the spec implies (proxy type, listeners); `undefined` removes a label
 */
export function computedLabels(
  type: TypeDescriptor,
  mesh: string,
  name: string,
  role: 'global' | 'zone',
  zone: string,
  given: Labels,
  kindLabels: Readonly<Record<string, string | undefined>> = {},
): Labels {
  const ofMesh = type.scope === 'mesh' ? { [meshLabel]: mesh } : {}
  const ofZone = role === 'zone' && type.providedByZone ? { [envLabel]: 'universal' } : {}
  const ofName = type.hashed ? { [displayNameLabel]: nameWithinNamespace(name, given) } : {}
  const computed = {
    ...ofMesh,
    ...ofZone,
    ...ofName,
    ...given,
    ...(given[displayNameLabel] === '' ? ofName : {}),
    // A zone cannot speak for another one; the API refuses a value that differs before it comes here.
    ...(role === 'zone' && type.providedByZone ? { [zoneLabel]: zone } : {}),
    ...kindLabels,
  }
  return Object.fromEntries(
    Object.entries(computed).flatMap(([key, value]): [string, string][] =>
      value === undefined || key === originLabel ? [] : [[key, value]],
    ),
  )
}

/** Of `web.shop` in namespace `shop` the display name is `web`; in `default` names are not qualified. */
function nameWithinNamespace(name: string, labels: Labels): string {
  const suffix = `.${labels[namespaceLabel] ?? ''}`
  return suffix !== '.' && name.endsWith(suffix) && name.length > suffix.length ? name.slice(0, -suffix.length) : name
}

const keyPattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const keyName = new RegExp(`^${keyPattern}$`)
const keyNameReason = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${keyPattern}')`
const labelValue = new RegExp(`^(${keyPattern})?$`)

/** Reasons why a label key is not a qualified name, in the words of Kubernetes. */
export function labelKeyProblems(key: string): readonly string[] {
  const parts = key.split('/')
  if (parts.length > 2)
    return [
      `a qualified name ${keyNameReason} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  const name = parts.at(-1) ?? ''
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined
  return [
    ...(prefix === '' ? ['prefix part must be non-empty'] : []),
    ...(prefix === undefined || prefix === ''
      ? []
      : subdomainProblems(prefix).map((reason) => `prefix part ${reason}`)),
    ...(name === '' ? ['name part must be non-empty'] : []),
    ...(Buffer.byteLength(name) > 63 ? ['name part must be no more than 63 bytes'] : []),
    ...(keyName.test(name) ? [] : [`name part ${keyNameReason}`]),
  ]
}

/** Reasons why a label value is none, in the words of Kubernetes. */
export const labelValueProblems = (value: string): readonly string[] => [
  ...(Buffer.byteLength(value) > 63 ? ['must be no more than 63 bytes'] : []),
  ...(labelValue.test(value)
    ? []
    : [
        `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${keyPattern})?')`,
      ]),
]

/** All that is wrong with the syntax of a set of labels, by path. */
export const labelViolations = (labels: Labels): readonly Violation[] =>
  Object.entries(labels).flatMap(([key, value]) =>
    [...labelKeyProblems(key), ...labelValueProblems(value)].map((message) => ({
      path: `labels[${JSON.stringify(key)}]`,
      message,
    })),
  )
