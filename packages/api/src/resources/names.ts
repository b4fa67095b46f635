import type { Cursor } from '@holdfast/kds'
import {
  allTypes,
  globalOrigin,
  type Hostname,
  type HostnameGenerator,
  HostnameIndex,
  hostnameGeneratorOf,
  hostnamesOf,
  type ServiceHostnames,
  typeOf,
  type Viewer,
  wantsVip,
} from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import type { DnsView } from '../routes/dns.js'
import { Followed, type Kept } from './followed.js'

export type ServiceNames = ServiceHostnames

/** Nobody's zone: global owns no zone's services, and a template that needs a zone has none to name there. */
const noZone = '*'

/**
 * The hostnames of all services as this control plane sees them, computed from the HostnameGenerators in its store: who
 * holds a name depends on every service of its kind. Global shows the names that a service has in all zones but its own.
 */
export class Names {
  readonly #followed: Followed<KeptNames>
  readonly #viewer: Viewer
  readonly #served: Pick<DnsView, 'unservedOf'> | undefined

  /** @param served what names a zone really answers: there one name has one service, whatever its kind and mesh */
  constructor(store: ControlPlaneStore, viewer: Viewer, served?: Pick<DnsView, 'unservedOf'> | undefined) {
    this.#viewer = viewer
    this.#served = served
    this.#followed = new Followed(
      store,
      [...vipTypes, generatorType],
      async () => new KeptNames(await allRows(store, generatorType), viewer),
    )
  }

  /** What each of some rows is called; undefined for what is no service or has no VIP to be reached at. */
  async of(rows: readonly Row[], asOf?: Cursor): Promise<(row: Row) => ServiceNames | undefined> {
    if (!rows.some((row) => typeOf(row.type).vipKind)) return () => undefined
    const { index } = await this.#followed.now(asOf)
    return (row) => {
      const given = index.of(row)
      return given === undefined ? undefined : withoutTaken(given, this.#served?.unservedOf(row) ?? [])
    }
  }

  /** Every name under which a service can be known, its own zone's included. */
  async everyHostname(row: Row): Promise<readonly Hostname[]> {
    return hostnamesOf(row, (await this.#followed.now()).generators, this.#viewer)
  }
}

const generatorType = 'HostnameGenerator'
const vipTypes = allTypes.filter(({ vipKind }) => vipKind).map(({ name }) => name)

/** The names that some generators give. Other generators name everything anew. */
class KeptNames implements Kept {
  readonly generators: readonly HostnameGenerator[]
  readonly index: HostnameIndex
  readonly #rows: ReadonlyMap<string, Row>

  constructor(rows: readonly Row[], viewer: Viewer) {
    this.#rows = new Map(rows.map((row) => [row.name, row]))
    this.generators = rows.flatMap((row) => hostnameGeneratorOf(row, row.createdAtMs) ?? [])
    // A zone's own generators name what is in that zone, and for that zone only.
    this.index =
      viewer.role === 'global'
        ? new HostnameIndex(
            this.generators.filter(({ origin }) => origin === globalOrigin),
            noZone,
          )
        : new HostnameIndex(this.generators, viewer.zone)
  }

  apply(rows: readonly Row[]): boolean {
    let areSame = true
    for (const row of rows)
      if (row.type === generatorType) areSame = this.#isKnown(row) && areSame
      else if (row.deleted || !isNameable(row)) this.index.remove(row)
      else this.index.put(row)
    return areSame
  }

  #isKnown(row: Row): boolean {
    const known = this.#rows.get(row.name)
    if (row.deleted || known === undefined) return row.deleted && known === undefined
    return (
      row.origin === known.origin && row.createdAtMs === known.createdAtMs && Buffer.compare(row.spec, known.spec) === 0
    )
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
  for (;;) {
    // From the last one on, and not by number: what comes or goes meanwhile makes nobody be missed or met twice.
    const { items } = await store.read.list({ ...of, after: rows.at(-1), offset: 0, limit: pageSize })
    rows.push(...items)
    if (items.length < pageSize) return rows
  }
}
