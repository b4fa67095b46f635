import { addressBytes, Problem, typeOfWord } from '@holdfast/model'
import type { BlockRow, ControlPlaneStore, HistoryRow, LedgerRow, Owner } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import { rowsNamed } from '../resources/meshes.js'
import { isInCidr } from './cidr.js'
import { eventJson, ledgerJson } from './json.js'
import { type OwnerJson, ownerJson, ownerKey, ownerText } from './owners.js'

/** What is asked about: an address, or a name with whatever narrows it down. `origin` '' is global. */
export interface VipSubject {
  readonly address?: string | undefined
  readonly kind?: string | undefined
  readonly mesh?: string | undefined
  readonly origin?: string | undefined
  readonly displayName?: string | undefined
}

/** The zone's name, or the word `global`, as people write an origin. */
export const originOf = (zone: string | null): string | undefined =>
  zone === null || zone === '' ? undefined : zone === 'global' ? '' : zone

/** @throws Problem `invalid` with every parameter that is wrong */
export function subjectOf(query: URLSearchParams, options: { readonly required: boolean }): VipSubject {
  const text = (name: string): string | undefined => query.get(name) || undefined
  const violations: { readonly path: string; readonly message: string }[] = []
  const address = text('address')
  if (address !== undefined && !isAddress(address))
    violations.push({ path: 'address', message: `${JSON.stringify(address)} is not an IP address` })
  const word = text('kind')
  const kind = word === undefined ? undefined : typeOfWord(word)
  if (word !== undefined && kind?.vipKind !== true)
    violations.push({
      path: 'kind',
      message: `${JSON.stringify(word)} has no VIPs; use MeshService, MeshExternalService or MeshMultiZoneService`,
    })
  if (options.required && address === undefined && text('name') === undefined)
    violations.push({ path: '', message: 'say an address or a name to look for' })
  if (violations.length > 0) throw new Problem('invalid', 'Resource is not valid', { violations })
  return {
    address,
    kind: kind?.name,
    mesh: text('mesh'),
    origin: originOf(query.get('zone')),
    displayName: text('name'),
  }
}

const isAddress = (text: string): boolean => {
  try {
    return addressBytes(text).length > 0
  } catch {
    return false
  }
}

export interface ExplainedJson {
  readonly owner: OwnerJson
  readonly state: 'active' | 'tombstoned' | 'pending'
  readonly addresses: readonly ReturnType<typeof ledgerJson>[]
  readonly service: { readonly name: string; readonly shown: readonly string[]; readonly revision: number } | null
  /** In sentences: why it has this address, or none. */
  readonly because: readonly string[]
  readonly history: readonly ReturnType<typeof eventJson>[]
}

const matchMax = 20
const historyMax = 20

/** Who has, had or waits for an address, and why. Empty `matches` come with the reason in `because`. */
export async function explainVip(
  { store }: ApiContext,
  subject: VipSubject,
): Promise<{ readonly matches: readonly ExplainedJson[]; readonly because: readonly string[] }> {
  const { items: rows } = await store.vip.ledger({ ...subject, includeTombstoned: true, limit: matchMax * 2 })
  const blocks = await store.vip.blocks()
  const owners = new Map<string, Owner>(rows.map((row) => [ownerKey(row), row]))
  for (const owner of await pendingOwners(store, subject)) owners.set(ownerKey(owner), owner)
  const matches = await Promise.all(
    [...owners.values()].slice(0, matchMax).map((owner) => explained(store, owner, blocks)),
  )
  return { matches, because: matches.length > 0 ? [] : await whyNobody(store, subject, blocks) }
}

/** Services of that name without a ledger row: they wait, or want none. */
async function pendingOwners(store: ControlPlaneStore, subject: VipSubject): Promise<readonly Owner[]> {
  const { displayName, mesh = 'default', kind, origin } = subject
  if (displayName === undefined || subject.address !== undefined) return []
  const kinds = kind === undefined ? ['MeshService', 'MeshExternalService', 'MeshMultiZoneService'] : [kind]
  const found = await Promise.all(kinds.map((type) => rowsNamed(store, type, mesh, displayName, origin)))
  return found.flat().map((row) => ({ ...row, kind: row.type }))
}

async function explained(
  store: ControlPlaneStore,
  owner: Owner,
  blocks: readonly (BlockRow & { readonly used: number })[],
): Promise<ExplainedJson> {
  const key = { kind: owner.kind, mesh: owner.mesh, origin: owner.origin, displayName: owner.displayName }
  const [{ items }, history, services] = await Promise.all([
    store.vip.ledger({ ...key, includeTombstoned: true, limit: 100 }),
    store.vip.history({ ...key, namespace: owner.namespace }, historyMax),
    rowsNamed(store, owner.kind, owner.mesh, owner.displayName, owner.origin),
  ])
  const rows = items.filter((row) => row.namespace === owner.namespace)
  const service = services.find((row) => row.namespace === owner.namespace)
  const active = rows.filter((row) => row.state === 'active')
  return {
    owner: ownerJson(owner),
    state: active.length > 0 ? 'active' : rows.length > 0 ? 'tombstoned' : 'pending',
    addresses: rows.map(ledgerJson),
    service:
      service === undefined
        ? null
        : { name: service.name, shown: service.vips?.addresses ?? [], revision: service.revision },
    because: [
      ...rows.map((row) => becauseOf(row, history, blocks)),
      ...(active.length === 0 && service !== undefined
        ? [`${ownerText(owner)} has no address: ${service.pendingReason ?? 'it asks for none'}`]
        : []),
    ],
    history: history.map(eventJson),
  }
}

function becauseOf(
  row: LedgerRow,
  history: readonly HistoryRow[],
  blocks: readonly (BlockRow & { readonly used: number })[],
): string {
  if (row.scope !== 'canonical') return becauseOfAlias(row, history)
  const given = history.find((event) => event.address === row.address && event.event === 'allocated')
  const witnessed = history.find((event) => event.address === row.address && event.event === 'witnessed')
  const block = blocks.find((each) => each.family === row.family && isInCidr(row.address, each.cidr))
  const within =
    block === undefined ? '' : `, from block ${block.cidr} of ${block.owner === '' ? 'global' : `zone ${block.owner}`}`
  const origin =
    given !== undefined
      ? `was allocated here at ${isoTime(given.atMs)}${within}${given.why === '' ? '' : `: ${given.why}`}`
      : witnessed !== undefined
        ? `was learned from its owner at ${isoTime(witnessed.atMs)}${within}`
        : `is in the ledger since ${isoTime(row.allocatedAtMs)}${within}`
  const state =
    row.tombstonedAtMs === undefined
      ? ''
      : `; its owner was deleted at ${isoTime(row.tombstonedAtMs)}, and it goes to nobody else until its quarantine is over`
  return `${row.address} ${origin}, generation ${row.generation}${state}`
}

function becauseOfAlias(row: LedgerRow, history: readonly HistoryRow[]): string {
  const zone = row.scope.slice('zone:'.length)
  const why = history.find(
    ({ address, scope, event }) => address === row.address && scope === row.scope && event === 'aliased',
  )?.why
  const given = `${row.address} holds in zone ${zone} alone, since ${isoTime(row.allocatedAtMs)}${why === undefined || why === '' ? '' : `: ${why}`}`
  return row.tombstonedAtMs === undefined
    ? given
    : `${given}; its owner was deleted at ${isoTime(row.tombstonedAtMs)}, and it holds again when that is back`
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

async function whyNobody(
  store: ControlPlaneStore,
  subject: VipSubject,
  blocks: readonly BlockRow[],
): Promise<readonly string[]> {
  const { address } = subject
  if (address === undefined)
    return [
      `no service "${subject.displayName ?? ''}" is known here, and the ledger does not remember one: "holdfastctl vip list" shows those that have an address`,
    ]
  const had = await store.vip.history({ address }, 1)
  const block = blocks.find(({ cidr }) => isInCidr(address, cidr))
  return [
    had.length === 0
      ? `${address} was never given to anyone here`
      : `${address} belongs to nobody now; see its history`,
    block === undefined
      ? 'it lies in no block that this control plane knows'
      : `it lies in block ${block.cidr} (${block.kind}) of ${block.owner === '' ? 'global' : `zone ${block.owner}`}`,
  ]
}
