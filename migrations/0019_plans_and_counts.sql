-- oldest program: 0.1.0
-- What the planner has to know so that no statement of a change or a reconnect goes through a big table.

-- What is held and is not what was offered is nearly nothing, and that cannot be told from the statistics of two columns: each look for
-- exceptions was planned, and with JIT compiled, as one that finds half of the table. Of one expression it can be told.
create statistics resources_exceptional on
  (case when offered_entry is distinct from entry and (offered_entry is not null or hold_id is not null) then true else false end)
  from resources;
create index resources_exceptional on resources (type, origin)
  where case when offered_entry is distinct from entry and (offered_entry is not null or hold_id is not null)
    then true else false end;
-- `resources_exceptions` stays for programs that ask with the words of 0002, until none of them is left.
analyze resources;

-- The newest hash, which the next commit needs: of a bulk apply the last row alone has one, and among many rows with one the
-- planner expects to look for it in all of them.
create index audit_chained on audit (id) where chain is not null;

-- How much of a block is taken and how many addresses are in force, kept on write as the sums of digests are: a change asks for
-- both, and counted rows grow with the services. Kept by triggers, so that whoever writes the ledger is counted, a
-- program that has not heard of these counts as well. The scrub compares them with the rows at the end of each round.

alter table vip_blocks
  -- Rows of the ledger that this control plane has allocated in it, resting ones included.
  add column used bigint not null default 0,
  set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Canonical addresses in force.
create table vip_counts (
  origin text collate "C" not null,
  kind text collate "C" not null,
  family smallint not null,
  active bigint not null,
  primary key (origin, kind, family)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

create type vip_delta as (block_id text, origin text, kind text, family smallint, used bigint, active bigint);

-- Adds what a statement has changed. In key order, so that two writers never wait for each other in a circle.
create function vip_count(deltas vip_delta[]) returns void
  language sql
  set search_path from current
  begin atomic
    update vip_blocks b set used = b.used + d.used
    from (
      select x.id, s.used
      from (select block_id, sum(used)::bigint as used from unnest(deltas) group by block_id having sum(used) <> 0) s
      join vip_blocks x on x.id = s.block_id
      order by x.id for no key update of x
    ) d
    where b.id = d.id;
    insert into vip_counts as c (origin, kind, family, active)
    select origin, kind, family, sum(active)::bigint from unnest(deltas)
    group by origin, kind, family having sum(active) <> 0
    order by origin, kind, family
    on conflict (origin, kind, family) do update set active = c.active + excluded.active;
  end;

create function vip_ledger_counts() returns trigger
  language plpgsql
  set search_path from current
as $$
declare
  deltas vip_delta[];
begin
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, count(block_id),
        count(*) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from new_rows group by block_id, origin, kind, family
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, -count(block_id),
        -count(*) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from old_rows group by block_id, origin, kind, family
    ) x;
  elsif tg_op = 'UPDATE' then
    select array_agg(d) into deltas from (
      select row(block_id, origin, kind, family, sum(direction) filter (where block_id is not null),
        sum(direction) filter (where state = 'active' and scope = 'canonical'))::vip_delta d
      from (
        select block_id, origin, kind, family, state, scope, 1 direction from new_rows
        union all
        select block_id, origin, kind, family, state, scope, -1 from old_rows
      ) m
      group by block_id, origin, kind, family
    ) x;
  else
    update vip_blocks set used = 0 where used <> 0;
    delete from vip_counts;
  end if;
  if deltas is not null then
    perform vip_count(deltas);
  end if;
  return null;
end
$$;

create trigger vip_ledger_counts_insert after insert on vip_ledger
  referencing new table as new_rows for each statement execute function vip_ledger_counts();
create trigger vip_ledger_counts_update after update on vip_ledger
  referencing old table as old_rows new table as new_rows for each statement execute function vip_ledger_counts();
create trigger vip_ledger_counts_delete after delete on vip_ledger
  referencing old table as old_rows for each statement execute function vip_ledger_counts();
create trigger vip_ledger_counts_truncate after truncate on vip_ledger
  for each statement execute function vip_ledger_counts();

-- Nobody writes the ledger from here to the end of this transaction.
update vip_blocks b set used = c.used
from (select block_id, count(*) as used from vip_ledger where block_id is not null group by block_id) c
where c.block_id = b.id;
insert into vip_counts (origin, kind, family, active)
select origin, kind, family, count(*) from vip_ledger where state = 'active' and scope = 'canonical'
group by origin, kind, family;
