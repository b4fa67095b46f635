import type { ChannelContext, SettledFacts } from '@holdfast/kds'
import { allTypes, type Origin } from '@holdfast/model'
import type { RoleIdentity } from '../../plan/types.js'
import type { Sql } from '../sql.js'
import { sqlExceptional } from './damaged.js'

const vipKinds = allTypes.filter((type) => type.vipKind).map((type) => type.name)

/**
 * `waited`: everybody who may keep what is gone here, with how far each has settled our log for one origin; a zone that is away
 * for years too, unless it was decommissioned. Parameters: our role, the origin.
 */
const waited = `waited as (
  select w.peer, case when s.epoch = h.epoch and not $2::text = any(s.unsettled) then s.revision else 0 end as revision
  from (
    select name as peer from zones where $1::text = 'global' and store_id is not null and decommissioned_at is null
    union select peer from cursors
  ) w
  cross join store_head h
  left join cursors s on s.peer = w.peer and s.side = 'settled'
)`

/**
 * Through which revision of our log everybody has let go of what was ours and is gone; our head where there is nobody.
 * Whoever was met and has not said so may hold any part of it.
 */
export async function lowestSettled(sql: Sql, { role, name }: RoleIdentity): Promise<number> {
  const { rows } = await sql.run<{ lowest: number }>(
    'lowest settled',
    `with ${waited}
     select coalesce(min(revision), (select revision from store_head)) as lowest from waited`,
    [role, name],
  )
  return rows[0]?.lowest ?? 0
}

/** One statement: what is held here, our head, and how far all others have come, are of one moment. */
export async function settledFacts(
  sql: Sql,
  { role, name }: RoleIdentity,
  { peer, channel }: Pick<ChannelContext, 'peer' | 'channel'>,
): Promise<SettledFacts> {
  const { rows } = await sql.run<{ except: readonly Origin[]; head: number; others: number }>(
    'settled facts',
    `with ${waited}
     select array(
         select distinct origin from resources r
         where type = any($3::text[]) and origin <> $4 and ($5::text = 'down' or origin = $2) and not deleted
           and (absent_since is not null or ${sqlExceptional('r')})
         order by origin) as except,
       (select revision from store_head) as head,
       (select coalesce(min(revision), (select revision from store_head)) from waited where peer <> $2) as others`,
    [role, peer, vipKinds, name, channel],
  )
  return rows[0] ?? { except: [], head: 0, others: 0 }
}
