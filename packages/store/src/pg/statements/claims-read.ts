import { type Audience, headlessLabel, type Labels, type Origin, type ResourceKey } from '@holdfast/model'
import type { ServiceRow } from '../../memory/verify.js'
import type { LedgerRow, Owner } from '../../plan/types.js'
import type { Booked, Served, ServedQuery, ServiceStanding } from '../../port.js'
import type { Sql } from '../sql.js'
import { storedVips } from './columns.js'
import { ledgerOfOwners, ownerColumns } from './ledger-read.js'
import { servicesOfOwners } from './vip-read.js'

interface OwnerRecord {
  readonly kind: string
  readonly mesh: string
  readonly origin: Origin
  readonly namespace: string
  readonly display_name: string
}

const ownerOf = ({ kind, mesh, origin, namespace, display_name }: OwnerRecord): Owner => ({
  kind,
  mesh,
  origin,
  namespace,
  displayName: display_name,
})

const owner = 'l.kind, l.mesh, l.origin, l.namespace, l.display_name'
/** The rows of one owner in force: at most one per scope and family, by the primary key. */
const inForce = (column: string, family: 4 | 6, zone: string): string => {
  const of = (scope: string): string => `max(${column}) filter (where l.family = ${family} and ${scope})`
  const canonical = "l.scope = 'canonical'"
  return `case when bool_or(${canonical}) then ${of(canonical)} else ${of(`l.scope = ${zone} and l.block_id is not null`)} end`
}

/** A page of owners, each with what is in force of it; owners of whom nothing is are left out. */
export async function bookedPage(
  sql: Sql,
  { after, limit, zone }: { readonly after?: Owner | undefined; readonly limit: number; readonly zone: string },
): Promise<readonly Booked[]> {
  const behind = after === undefined ? '' : `and (${owner}) > ($3, $4, $5, $6, $7)`
  const { rows } = await sql.run<OwnerRecord & { readonly v4: string | null; readonly v6: string | null }>(
    'booked page',
    `select kind, mesh, origin, namespace, display_name, host(v4) as v4, host(v6) as v6 from (
       select ${owner}, ${inForce('l.address', 4, '$2')} as v4, ${inForce('l.address', 6, '$2')} as v6
       from vip_ledger l where l.state = 'active' and (l.scope = 'canonical' or l.scope = $2) ${behind}
       group by ${owner}
       having bool_or(l.scope = 'canonical' or l.block_id is not null)
       order by ${owner} limit $1) l`,
    [limit, `zone:${zone}`, ...(after === undefined ? [] : ownerColumns([after]).map(([value]) => value))],
  )
  return rows.map((row) => ({
    ...ownerOf(row),
    addresses: present(row.v4, row.v6),
  }))
}

/** A page of living services of one kind, in the order of mesh and name. */
export async function servedPage(sql: Sql, { kind, after, offset, limit }: ServedQuery): Promise<readonly Served[]> {
  const { rows } = await sql.run<
    OwnerRecord & { readonly name: string; readonly audience: Audience; readonly vips: Buffer }
  >(
    'served page',
    `select r.type as kind, r.mesh, r.origin, r.namespace, r.display_name, r.name, r.audience, r.vips
     from resources r where r.type = $1 and not r.deleted ${after === undefined ? '' : 'and (r.mesh, r.name) > ($4, $5)'}
     order by r.mesh, r.name limit $2 offset $3`,
    [kind, limit, offset, ...(after === undefined ? [] : [after.mesh, after.name])],
  )
  return rows.map((row) => ({
    ...ownerOf(row),
    ...{ name: row.name, audience: row.audience, addresses: storedVips(row.vips)?.addresses ?? [] },
  }))
}

/** Living services by key, each with what is in force of its owner. */
export async function standingOf(
  sql: Sql,
  keys: readonly ResourceKey[],
  zone: string,
): Promise<readonly ServiceStanding[]> {
  const { rows } = await sql.run<
    ResourceKey & {
      readonly origin: Origin
      readonly labels: Labels
      readonly audience: Audience
      readonly vips: Buffer
      readonly v4: string | null
      readonly v6: string | null
    }
  >(
    'standing of services',
    `select r.type, r.mesh, r.name, r.origin, r.labels, r.audience, r.vips, host(b.v4) as v4, host(b.v6) as v6
     from resources r
     join unnest($1::text[], $3::text[], $4::text[]) k (type, mesh, name)
       on r.type = k.type and r.mesh = k.mesh and r.name = k.name
     cross join lateral (
       select ${inForce('l.address', 4, '$2')} as v4, ${inForce('l.address', 6, '$2')} as v6
       from vip_ledger l where l.kind = r.type and l.mesh = r.mesh and l.origin = r.origin and l.namespace = r.namespace
         and l.display_name = r.display_name and l.state = 'active') b
     where not r.deleted`,
    [keys.map(({ type }) => type), `zone:${zone}`, keys.map(({ mesh }) => mesh), keys.map(({ name }) => name)],
  )
  return rows.map(({ v4, v6, vips, ...row }) => ({ ...row, vips: storedVips(vips), booked: present(v4, v6) }))
}

const present = (...addresses: readonly (string | null)[]): readonly string[] =>
  addresses.filter((address) => address !== null)

/** More of them than this, and all is read instead. */
const doubtsMax = 2_000

/** Addresses as `vips` has them, before its generation: one field for each, IPv4 first. */
const asStored = (column: string, tag: string): string =>
  `coalesce('\\x${tag}'::bytea || substring(inet_send(${column}) from 5), '')`

/**
 * Ledger and services of all owners of whom the two do not say the same, or who have no address and do not say why. Of nearly
 * all they do: that is found by the database, from the bytes that stand in the rows, and nothing of them is read.
 * @returns undefined: there are too many
 */
export async function doubtful(
  sql: Sql,
  kinds: readonly string[],
  own: Origin,
): Promise<{ readonly rows: readonly ServiceRow[]; readonly ledger: readonly LedgerRow[] } | undefined> {
  const { rows } = await sql.run<OwnerRecord>(
    'doubtful owners',
    `with booked as (
       select kind, mesh, origin, namespace, display_name,
         ${asStored('v4', '0a04')} || ${asStored('v6', '0a10')} as vips, canonical
       from (
         select ${owner}, ${inForce('l.address', 4, '$2')} as v4, ${inForce('l.address', 6, '$2')} as v6,
           bool_or(l.scope = 'canonical') as canonical
         from vip_ledger l where l.state = 'active' and (l.scope = 'canonical' or l.scope = $2) group by ${owner}) l
     ), served as (
       select type as kind, mesh, origin, namespace, display_name, vips, pending_reason, labels
       from resources where type = any($1::text[]) and not deleted
     )
     select kind, mesh, origin, namespace, display_name
     from booked b full join served s using (kind, mesh, origin, namespace, display_name)
     where (s.vips is null and b.canonical)
       or s.vips is not null and (
         substring(s.vips from 1 for length(coalesce(b.vips, ''))) <> coalesce(b.vips, '')
         or substring(s.vips from length(coalesce(b.vips, '')) + 1 for 1) not in ('', '\\x10'))
       or s.vips = '' and s.pending_reason is null and origin = $3 and s.labels ->> $4 is distinct from 'true'
     limit ${doubtsMax + 1}`,
    [kinds, `zone:${own}`, own, headlessLabel],
  )
  if (rows.length > doubtsMax) return undefined
  if (rows.length === 0) return { rows: [], ledger: [] }
  const owners = rows.map(ownerOf)
  return {
    rows: await servicesOfOwners(sql, owners),
    ledger: (await ledgerOfOwners(sql, owners)).filter(({ state }) => state === 'active'),
  }
}
