import type { TypeDescriptor } from '@holdfast/model'
import { isObject, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { ageText } from './age.js'
import { displayNameOf, hostnamesOf, stateOf, vipsOf, zoneOf } from './services.js'

/** One column of a table of resources. */
export interface Column {
  readonly header: string
  readonly value: (item: JsonObject, nowMs: number) => string
  /** Only with `-o wide`. */
  readonly wide?: boolean
}

const age: Column = { header: 'AGE', value: (item, nowMs) => ageText(item.modificationTime, nowMs) }
const name: Column = { header: 'NAME', value: displayNameOf }
const zone: Column = { header: 'ZONE', value: zoneOf }
const mesh: Column = { header: 'MESH', value: (item) => textOf(item.mesh) }
const labels: Column = {
  header: 'LABELS',
  wide: true,
  // Those that every resource has say nothing about one.
  value: (item) =>
    Object.entries(objectOf(item.labels))
      .filter(([key]) => !/^(k8s\.)?kuma\.io\//.test(key))
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(','),
}
const storedAs: Column = { header: 'STORED AS', wide: true, value: (item) => textOf(item.name) }
const of = (header: string, value: Column['value'], wide = false): Column => ({ header, value, wide })
const spec = (item: JsonObject): JsonObject => objectOf(item.spec)

const services: readonly Column[] = [
  name,
  zone,
  mesh,
  of('VIP', (item) => vipsOf(item).join(', ')),
  of('HOSTNAME', (item) => hostnamesOf(item).join(', ')),
  of('STATE', stateOf),
]
const ports = of(
  'PORTS',
  (item) =>
    [...objectsOf(spec(item).ports), ...objectsOf([spec(item).match])]
      .map(({ port, appProtocol, protocol }) => `${String(port)}/${textOf(appProtocol) || textOf(protocol) || 'tcp'}`)
      .join(', '),
  true,
)
const proxies = of(
  'PROXIES',
  (item) => {
    const { connected = 0, healthy = 0, total = 0 } = objectOf(objectOf(item.status).dataplaneProxies)
    return `${String(connected)} connected, ${String(healthy)} healthy of ${String(total)}`
  },
  true,
)

const networking = (item: JsonObject): JsonObject => objectOf(item.networking)
const dataplaneTags = (item: JsonObject): string => {
  const tags = [...objectsOf(networking(item).inbound), objectOf(networking(item).gateway)].flatMap(({ tags: each }) =>
    Object.entries(objectOf(each)),
  )
  return [...new Set(tags.map(([key, value]) => `${key}=${String(value)}`))].sort().join(' ')
}
const inboundPorts = (item: JsonObject): string =>
  objectsOf(networking(item).inbound)
    .map(({ port }) => String(port))
    .join(', ')

/** Whom a policy is about. */
const target = of('TARGET', (item) => targetText(objectOf(spec(item).targetRef)))
const parts = of(
  'SAYS',
  (item) =>
    ['to', 'from', 'rules', 'default']
      .flatMap((part) => {
        const value = spec(item)[part]
        return Array.isArray(value) ? [`${value.length} ${part}`] : isObject(value) ? [part] : []
      })
      .join(', '),
  true,
)

function targetText(ref: JsonObject): string {
  const wanted = Object.entries({ ...objectOf(ref.labels), ...objectOf(ref.tags) }).map(([k, v]) => `${k}=${String(v)}`)
  const which = [textOf(ref.name), wanted.join(',')].filter((part) => part !== '').join(' ')
  return `${textOf(ref.kind) || 'Mesh'}${which === '' ? '' : ` ${which}`}${textOf(ref.sectionName) === '' ? '' : ` :${textOf(ref.sectionName)}`}`
}

const mtls = (item: JsonObject): string => {
  const { enabledBackend, backends } = objectOf(item.mtls)
  const backend = objectsOf(backends).find((each) => each.name === enabledBackend)
  return backend === undefined ? 'off' : `${textOf(backend.type)}/${textOf(backend.name)}`
}

const byType: Readonly<Record<string, readonly Column[]>> = {
  MeshService: [...services, ports, proxies, labels, storedAs, age],
  MeshExternalService: [
    ...services,
    ports,
    of(
      'ENDPOINTS',
      (item) =>
        objectsOf(spec(item).endpoints)
          .map(({ address, port }) => `${textOf(address)}${port === undefined ? '' : `:${String(port)}`}`)
          .join(', '),
      true,
    ),
    labels,
    storedAs,
    age,
  ],
  MeshMultiZoneService: [
    ...services,
    ports,
    of(
      'SERVICES',
      (item) =>
        objectsOf(objectOf(item.status).meshServices)
          .map((each) => `${textOf(each.name)}${textOf(each.zone) === '' ? '' : `@${textOf(each.zone)}`}`)
          .join(', '),
      true,
    ),
    labels,
    storedAs,
    age,
  ],
  Dataplane: [
    mesh,
    name,
    zone,
    of('ADDRESS', (item) => textOf(networking(item).address)),
    of('PORTS', inboundPorts),
    of('TAGS', dataplaneTags, true),
    labels,
    storedAs,
    age,
  ],
  Mesh: [
    name,
    of('MTLS', mtls, true),
    of('SERVICES', (item) => textOf(objectOf(item.meshServices).mode) || 'Disabled', true),
    labels,
    age,
  ],
  Zone: [name, of('ENABLED', (item) => (item.enabled === false ? 'no' : 'yes'), true), labels, age],
  HostnameGenerator: [
    name,
    zone,
    of('TEMPLATE', (item) => textOf(spec(item).template), true),
    of('SELECTS', (item) => Object.keys(objectOf(spec(item).selector)).join(', '), true),
    labels,
    storedAs,
    age,
  ],
}

/** Columns of a type: services show what they are asked for most; everything else shows who it is and its age. */
export function columnsOf(type: TypeDescriptor): readonly Column[] {
  const own = byType[type.name]
  if (own !== undefined)
    // Age is no news of a service, and is in everybody else's table.
    return own.map((column) => (type.vipKind && column === age ? { ...column, wide: true } : column))
  if (type.vipKind) return services
  const policy = type.policy?.plugin === true ? [{ ...target, wide: true }, parts] : []
  if (type.scope === 'mesh') return [mesh, name, zone, ...policy, labels, storedAs, age]
  return type.hashed ? [name, zone, labels, storedAs, age] : [name, labels, age]
}
