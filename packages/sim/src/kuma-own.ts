import {
  computedLabels,
  type ExportedResource,
  exportName,
  headlessLabel,
  namespaceLabel,
  typeOf,
  utf8,
  wireKey,
} from '@holdfast/model'
import type { Random } from './random.js'

const names = ['web', 'api', 'cart', 'pay', 'mail', 'auth', 'ads', 'geo'] as const
const namespaces = ['', '', 'blue'] as const
/** `networking.address` alone. */
const dataplane = Uint8Array.of(0x0a, 0x0a, 0x2a, 0x08, ...utf8('10.0.0.1'))

/** Everything that a Kuma zone owns, by type and wire key, and what its people do to it. */
export class KumaOwn {
  readonly byType = new Map<string, Map<string, ExportedResource>>()
  readonly #zone: string
  /** Numbers every spec and every status, so that no two are equal by chance. */
  #serial = 0

  constructor(zone: string) {
    this.#zone = zone
  }

  /** One deed. Returns what it was, for the story. */
  act(random: Random, meshes: readonly string[]): string {
    const deed = random.weighted({ put: 8, status: 5, delete: 3, deleteMany: 1, headless: 1, refusable: 1, proxy: 3 })
    const services = [...this.#of('MeshService')]
    const [key, service] = random.pick(services) ?? []
    const mesh = random.pick(meshes) ?? 'default'
    switch (deed) {
      case 'put':
        return this.#putService(random, mesh, {})
      case 'headless':
        return this.#putService(random, mesh, { headless: true })
      case 'refusable':
        return this.#putService(random, mesh, { refusable: true })
      case 'proxy': {
        const [old] = random.pick([...this.#of('Dataplane')]) ?? []
        if (old !== undefined && random.chance(0.4)) return this.#delete('Dataplane', old)
        return this.#put('Dataplane', mesh, `${random.pick(names)}-${random.between(0, 3)}`, '', {}, dataplane)
      }
      case 'status':
        if (key === undefined || service === undefined) return 'status: nothing to do'
        this.#of('MeshService').set(key, { ...service, status: this.#status(random) })
        return `status of ${key}`
      case 'delete':
        return key === undefined ? 'delete: nothing to do' : this.#delete('MeshService', key)
      case 'deleteMany':
        return services
          .filter(() => random.chance(0.6))
          .map(([one]) => this.#delete('MeshService', one))
          .join(', ')
    }
  }

  #of(type: string): Map<string, ExportedResource> {
    const known = this.byType.get(type)
    if (known !== undefined) return known
    const made = new Map<string, ExportedResource>()
    this.byType.set(type, made)
    return made
  }

  #delete(type: string, key: string): string {
    this.#of(type).delete(key)
    return `deletes ${type} ${key}`
  }

  #putService(
    random: Random,
    mesh: string,
    { headless = false, refusable = false }: { readonly headless?: boolean; readonly refusable?: boolean },
  ): string {
    const serial = ++this.#serial
    const selector = refusable ? { dataplaneRef: { name: 'a' }, dataplaneTags: { app: 'b' } } : {}
    const ports = [{ port: 80 + (serial % 7), appProtocol: 'http' }]
    const spec = utf8(JSON.stringify({ later: { serial }, selector, ports }))
    const namespace = random.pick(namespaces) ?? ''
    const given = headless ? { [headlessLabel]: 'true' } : {}
    return this.#put('MeshService', mesh, random.pick(names), namespace, given, spec, this.#status(random))
  }

  /** As a Kuma has it: with the address that it has given the service itself, which is nobody else's business. */
  #status(random: Random): Uint8Array {
    const seen = ++this.#serial
    const vips = random.chance(0.5) ? [{ ip: `241.0.${seen >> 8}.${seen & 255}` }] : []
    return utf8(JSON.stringify({ vips, seen, tls: { status: 'NotReady' } }))
  }

  #put(
    typeName: string,
    mesh: string,
    displayName: string,
    namespace: string,
    given: Readonly<Record<string, string>>,
    spec: Uint8Array,
    status?: Uint8Array,
  ): string {
    const type = typeOf(typeName)
    const local = namespace === '' ? displayName : `${displayName}.${namespace}`
    const of = namespace === '' ? {} : { [namespaceLabel]: namespace }
    const labels = computedLabels(type, mesh, local, 'zone', this.#zone, { ...of, ...given })
    const name = exportName(type, mesh, local, labels)
    const typeUrl = type.encoding.kind === 'json' ? '' : type.encoding.typeUrl
    const base = { type: typeName, mesh, name, labels, typeUrl, spec }
    this.#of(typeName).set(wireKey(mesh, name), status === undefined ? base : { ...base, status })
    return `puts ${typeName} ${mesh}/${local}`
  }
}
