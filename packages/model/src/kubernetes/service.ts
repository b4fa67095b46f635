import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kinds/json.js'
import { isKnownProtocol, isPort } from '../kinds/ports.js'
import {
  displayNameLabel,
  envLabel,
  headlessLabel,
  type Labels,
  meshLabel,
  namespaceLabel,
  serviceNameLabel,
} from '../labels.js'
import type { Path } from './documents.js'

/** A remark on a Kubernetes Service, at a path in it. */
export interface Remark {
  readonly path: Path
  readonly message: string
}

export interface ConvertedService {
  /** A MeshService as the HTTP API takes it; `undefined` if there is nothing to apply. */
  readonly object: JsonObject | undefined
  readonly problems: readonly Remark[]
  readonly warnings: readonly Remark[]
  /** Index in the Service's ports of each port of the MeshService. */
  readonly sourcePorts: readonly number[]
}

/**
 * A Kubernetes Service as a MeshService. Its labels are kept, its namespace and name become labels, and what is not
 * reachable through a mesh (UDP, SCTP) is left out with a warning.
 */
export function convertService(service: JsonObject): ConvertedService {
  const reader = new Reader()
  const metadata = reader.object(service, 'metadata', [])
  const spec = reader.object(service, 'spec', [])
  const name = reader.text(metadata, 'name', ['metadata'])
  if (name === undefined)
    reader.problems.push({ path: ['metadata'], message: 'metadata.name is missing: a Service needs a name' })
  const namespace = reader.text(metadata, 'namespace', ['metadata']) ?? 'default'
  if (spec.type === 'ExternalName')
    reader.problems.push({
      path: ['spec', 'type'],
      message: `Service "${name ?? ''}" is of type ExternalName: it is an alias in DNS and has no proxies; write a MeshExternalService for ${JSON.stringify(spec.externalName ?? '')} instead`,
    })
  const labels = reader.texts(metadata, 'labels', ['metadata'])
  const selector = reader.texts(spec, 'selector', ['spec'])
  const ports = convertPorts(reader, spec)
  if (ports.onlyOthers)
    reader.warnings.push({
      path: ['spec', 'ports'],
      message: `Service "${name ?? ''}" is left out: none of its ports is TCP`,
    })
  const isUseless = reader.problems.length > 0 || ports.onlyOthers || name === undefined
  if (!isUseless && Object.keys(selector).length === 0)
    reader.warnings.push({ path: ['spec'], message: `Service "${name}" has no selector, so no proxy serves it` })
  return {
    object: isUseless ? undefined : meshService({ name, namespace, labels, selector, spec, ports: ports.ports }),
    problems: reader.problems,
    warnings: reader.warnings,
    sourcePorts: ports.sources,
  }
}

interface Parts {
  readonly name: string
  readonly namespace: string
  readonly labels: Labels
  readonly selector: Labels
  readonly spec: JsonObject
  readonly ports: readonly JsonObject[]
}

function meshService({ name, namespace, labels, selector, spec, ports }: Parts): JsonObject {
  const isHeadless = spec.clusterIP === 'None' || (isJsonArray(spec.clusterIPs) && spec.clusterIPs.includes('None'))
  return {
    type: 'MeshService',
    mesh: labels[meshLabel] ?? 'default',
    // In `default` names are not qualified.
    name: namespace === 'default' ? name : `${name}.${namespace}`,
    labels: {
      ...labels,
      [displayNameLabel]: name,
      [namespaceLabel]: namespace,
      [serviceNameLabel]: name,
      [headlessLabel]: String(isHeadless),
      [envLabel]: 'universal',
    },
    spec: {
      selector: Object.keys(selector).length === 0 ? {} : { dataplaneLabels: { matchLabels: selector } },
      ...(ports.length === 0 ? {} : { ports }),
    },
  }
}

interface Ports {
  readonly ports: readonly JsonObject[]
  readonly sources: readonly number[]
  /** There are ports, and none of them is TCP. */
  readonly onlyOthers: boolean
}

function convertPorts(reader: Reader, spec: JsonObject): Ports {
  const given = spec.ports ?? []
  if (!isJsonArray(given)) {
    reader.problems.push({ path: ['spec', 'ports'], message: 'spec.ports must be a list' })
    return { ports: [], sources: [], onlyOthers: false }
  }
  const ports: JsonObject[] = []
  const sources: number[] = []
  for (const [index, port] of given.entries()) {
    const path = ['spec', 'ports', index]
    if (!isJsonObject(port)) {
      reader.problems.push({ path, message: `spec.ports[${index}] must be an object` })
      continue
    }
    const protocol = port.protocol ?? 'TCP'
    if (protocol !== 'TCP') {
      const label = JSON.stringify(port.name ?? port.port ?? index)
      reader.warnings.push({
        path,
        message: `port ${label} is left out: ${String(protocol)} does not go through a mesh`,
      })
      continue
    }
    ports.push(convertPort(reader, port, path))
    sources.push(index)
  }
  return { ports, sources, onlyOthers: given.length > 0 && sources.length === 0 }
}

function convertPort(reader: Reader, port: JsonObject, path: Path): JsonObject {
  const name = reader.text(port, 'name', path)
  const number = port.port
  if (typeof number !== 'number') reader.problems.push({ path, message: 'port must be a number from 1 to 65535' })
  // Kubernetes: without a target it is the port itself.
  const target = port.targetPort ?? (typeof number === 'number' && isPort(number) ? number : undefined)
  return {
    ...(name === undefined || name === '' ? {} : { name }),
    port: number ?? null,
    ...(target === undefined ? {} : { targetPort: target }),
    appProtocol: protocolOf(reader, port, name ?? '', path),
  }
}

/** What Kubernetes and meshes write for the protocols that Kuma routes by. */
const protocolAliases: Readonly<Record<string, string>> = {
  'kubernetes.io/h2c': 'http2',
  h2c: 'http2',
  'kubernetes.io/ws': 'http',
  ws: 'http',
  // Encrypted by the application: opaque to the mesh.
  'kubernetes.io/wss': 'tcp',
  wss: 'tcp',
  https: 'tcp',
  tls: 'tcp',
}
const namePrefixes = ['http2', 'http', 'grpc', 'tcp']

function protocolOf(reader: Reader, port: JsonObject, name: string, path: Path): string {
  const given = reader.text(port, 'appProtocol', path)?.toLowerCase()
  if (given === undefined || given === '')
    return namePrefixes.find((prefix) => name === prefix || name.startsWith(`${prefix}-`)) ?? 'tcp'
  const protocol = protocolAliases[given] ?? given
  if (isKnownProtocol(protocol)) return protocol
  reader.warnings.push({
    path: [...path, 'appProtocol'],
    message: `appProtocol "${given}" is not known and is treated as tcp`,
  })
  return 'tcp'
}

/** Reads fields of the types that they must have; what has not is a problem and reads as absent. */
class Reader {
  readonly problems: Remark[] = []
  readonly warnings: Remark[] = []

  object(value: JsonObject, key: string, path: Path): JsonObject {
    const field = value[key]
    if (field === undefined || field === null) return {}
    if (isJsonObject(field)) return field
    this.#wrong(key, path, 'an object')
    return {}
  }

  text(value: JsonObject, key: string, path: Path): string | undefined {
    const field = value[key]
    if (field === undefined || field === null) return undefined
    if (typeof field === 'string') return field
    this.#wrong(key, path, `text: write ${JSON.stringify(String(field))}`)
    return undefined
  }

  texts(value: JsonObject, key: string, path: Path): Labels {
    const map = this.object(value, key, path)
    for (const [each, text] of Object.entries(map)) if (typeof text !== 'string') this.text(map, each, [...path, key])
    return Object.fromEntries(Object.entries(map).filter((entry): entry is [string, string] => isText(entry[1])))
  }

  #wrong(key: string, path: Path, wanted: string): void {
    this.problems.push({ path: [...path, key], message: `${key} must be ${wanted}` })
  }
}

const isText = (value: Json): value is string => typeof value === 'string'
