import {
  allTypes,
  assignHostnames,
  type Hostname,
  type HostnameGenerator,
  hostnameGeneratorOf,
  hostnamesOf,
  type ServiceHostnames,
  typeOf,
  type Viewer,
  wantsVip,
} from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import type { DnsView } from '../routes/dns.js'

export type ServiceNames = ServiceHostnames

/** Nobody's zone: global owns no zone's services, and a template that needs a zone has none to name there. */
const noZone = '*'

interface Snapshot {
  readonly generators: readonly HostnameGenerator[]
  readonly names: ReadonlyMap<string, ServiceNames>
}

/**
 * The hostnames of all services as this control plane sees them, computed from the HostnameGenerators in its store and
 * kept until the store's revision moves: who holds a name depends on every service of its kind. Global shows the names
 * that a service has in all zones but its own.
 */
export class Names {
  readonly #store: ControlPlaneStore
  readonly #viewer: Viewer
  readonly #served: Pick<DnsView, 'unservedOf'> | undefined
  #kept: { readonly revision: string; readonly snapshot: Promise<Snapshot> } | undefined

  /** @param served what names a zone really answers: there one name has one service, whatever its kind and mesh */
  constructor(store: ControlPlaneStore, viewer: Viewer, served?: Pick<DnsView, 'unservedOf'> | undefined) {
    this.#store = store
    this.#viewer = viewer
    this.#served = served
  }

  /** What each of some rows is called; undefined for what is no service or has no VIP to be reached at. */
  async of(rows: readonly Row[]): Promise<(row: Row) => ServiceNames | undefined> {
    if (!rows.some((row) => typeOf(row.type).vipKind)) return () => undefined
    const { names } = await this.#snapshot()
    return (row) => {
      const given = names.get(keyText(row))
      return given === undefined ? undefined : withoutTaken(given, this.#served?.unservedOf(row) ?? [])
    }
  }

  /** Every name under which a service can be known, its own zone's included. */
  async everyHostname(row: Row): Promise<readonly Hostname[]> {
    return hostnamesOf(row, (await this.#snapshot()).generators, this.#viewer)
  }

  async #snapshot(): Promise<Snapshot> {
    const { epoch, revision, tag } = (await this.#store.status()).head
    const now = `${epoch} ${revision} ${tag}`
    if (this.#kept?.revision !== now) {
      const kept = { revision: now, snapshot: this.#compute() }
      this.#kept = kept
      // A failed reading is told to those who wait for it, and tried again by the next.
      kept.snapshot.catch(() => {
        if (this.#kept === kept) this.#kept = undefined
      })
    }
    return this.#kept.snapshot
  }

  async #compute(): Promise<Snapshot> {
    const generators = (await allRows(this.#store, 'HostnameGenerator')).flatMap(
      (row) => hostnameGeneratorOf(row, row.createdAtMs) ?? [],
    )
    const selected = allTypes.filter((type) => type.vipKind && generators.some(({ selects }) => selects === type.name))
    const services: Row[] = []
    for (const type of selected)
      services.push(...(await allRows(this.#store, type.name)).filter((row) => isNameable(row)))
    const { role } = this.#viewer
    // A zone's own generators name what is in that zone, and for that zone only.
    const zones = role === 'global' ? generators.filter(({ origin }) => origin === '') : generators
    const assigned = assignHostnames(services, zones, this.#viewer.role === 'global' ? noZone : this.#viewer.zone)
    return {
      generators,
      names: new Map([...assigned].map(([service, names]) => [keyText(service), names])),
    }
  }
}

/** What a service of another kind or mesh has, or DNS cannot carry, is no address of this one, and its status says why. */
function withoutTaken(given: ServiceNames, unserved: ReturnType<DnsView['unservedOf']>): ServiceNames {
  if (unserved.length === 0) return given
  const reasons = new Map(unserved.map((each) => [each.generator, each]))
  return {
    addresses: given.addresses.filter(({ hostnameGeneratorRef: { coreName } }) => !reasons.has(coreName)),
    hostnameGenerators: given.hostnameGenerators.map((each) => {
      const why = reasons.get(each.hostnameGeneratorRef.coreName)
      const isGiven = each.conditions.every(({ status }) => status === 'True')
      if (why === undefined || !isGiven) return each
      const reason = why.why === 'taken' ? 'Collision' : 'TemplateError'
      return { ...each, conditions: [{ type: 'Generated', status: 'False', reason, message: why.reason }] }
    }),
  }
}

/** No service is named without its VIP, nor one whose mesh is gone; a headless one has no VIP by its own wish. */
const isNameable = (row: Row): boolean =>
  row.audience !== 'suspended' && (row.vips !== undefined || !wantsVip(typeOf(row.type), row.labels))

const keyText = ({ type, mesh, name }: Row): string => `${type}\u0000${mesh}\u0000${name}`

const pageSize = 1000

/** Every living row of a type, page by page. */
export const allRows = (store: ControlPlaneStore, type: string): Promise<readonly Row[]> => pagesOf(store, { type })

/** The same of one mesh. */
export const rowsOfMesh = (store: ControlPlaneStore, type: string, mesh: string): Promise<readonly Row[]> =>
  pagesOf(store, { type, mesh })

async function pagesOf(
  store: ControlPlaneStore,
  of: { readonly type: string; readonly mesh?: string },
): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (let offset = 0; ; offset += pageSize) {
    const { total, items } = await store.read.list({ ...of, offset, limit: pageSize })
    rows.push(...items)
    if (items.length === 0 || offset + pageSize >= total) return rows
  }
}
