import { type Json, type JsonObject, namespaceLabel, type TypeDescriptor } from '@holdfast/model'
import { ApiError, titles } from '../http/errors.js'

const systemNamespace = 'kuma-system'
const metadataKeys = new Set([
  'type',
  'mesh',
  'name',
  'creationTime',
  'modificationTime',
  'labels',
  'kri',
  'snis',
  'status',
])

/** Kinds of before that live in a namespace; in a cluster of Kuma's all others of before are of the whole cluster. */
const namespacedOfBefore: ReadonlySet<string> = new Set([
  ...['Dataplane', 'DataplaneInsight', 'ZoneIngress', 'ZoneIngressInsight', 'ZoneEgress', 'ZoneEgressInsight'],
])
/** Kubernetes knows no others. */
const wholeSeconds = (time: Json): Json => (typeof time === 'string' ? time.replace(/\.\d+(?=Z$)/, '') : time)

/** Whether an item is asked for as a Kubernetes object. Throws 400 for a format that there is not. */
export function wantsKubernetes(query: URLSearchParams): boolean {
  const format = query.get('format') ?? 'universal'
  if (format === 'k8s' || format === 'kubernetes') return true
  if (format === 'universal') return false
  throw new ApiError('invalid', titles.get, 'Resource is not valid', [
    { path: '', message: '"format" must be one of ["k8s", "kubernetes", "universal"]' },
  ])
}

/** A resource as it would stand in a Kubernetes cluster. `namespace`: '' for the one that its labels say. */
export function kubernetesObject(type: TypeDescriptor, item: JsonObject, namespace: string): JsonObject {
  const { name = '', mesh, creationTime = '', labels, status } = item
  const own = isObject(labels) ? labels[namespaceLabel] : undefined
  const isNamespaced = type.style === 'B' || namespacedOfBefore.has(type.name)
  if (type.name === 'Secret' || type.name === 'GlobalSecret') return secretObject(type, item, namespace)
  const spec =
    type.style === 'B'
      ? (item.spec ?? {})
      : Object.fromEntries(Object.entries(item).filter(([key]) => !metadataKeys.has(key)))
  return {
    kind: type.name,
    apiVersion: 'kuma.io/v1alpha1',
    ...(type.style === 'A' && mesh !== undefined ? { mesh } : {}),
    metadata: {
      name,
      ...(isNamespaced ? { namespace: namespace || own || systemNamespace } : {}),
      creationTimestamp: wholeSeconds(creationTime),
      ...(labels === undefined ? {} : { labels }),
    },
    spec,
    ...(type.style === 'B' && status !== undefined ? { status } : {}),
  }
}

/** A Kubernetes Secret of Kuma's own types; there they all live in the namespace of the control plane. */
const secretObject = (type: TypeDescriptor, item: JsonObject, namespace: string): JsonObject => ({
  kind: 'Secret',
  apiVersion: 'v1',
  metadata: {
    name: item.name ?? '',
    namespace: namespace || systemNamespace,
    creationTimestamp: wholeSeconds(item.creationTime ?? ''),
    ...(item.labels === undefined ? {} : { labels: item.labels }),
  },
  data: { value: item.data ?? '' },
  type: type.name === 'Secret' ? 'system.kuma.io/secret' : 'system.kuma.io/global-secret',
})

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null
