-- oldest program: 0.1.0
-- The paced scrub looks through everything, a page at a time, for what has changed without a write that the triggers
-- saw. Here is where it stands and what it has found.

create table scrub (
  only_row boolean primary key default true check (only_row),
  -- Of `resources`: the type that is being looked through; '' between rounds and in the ledger.
  type text collate "C" not null default '',
  -- Its buckets below this one are done.
  bucket integer not null default 0,
  -- In the ledger: the owner of the last row that was looked at.
  ledger_after text[],
  round bigint not null default 0,
  round_started_at timestamptz,
  -- When the last whole round ended.
  round_ended_at timestamptz,
  -- Rows that were looked at, ever.
  rows bigint not null default 0,
  ticked_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
insert into scrub default values;

-- What is wrong or was: gone when a whole round has not found it again.
create table scrub_findings (
  subject text collate "C" primary key,
  problem text not null,
  -- `asked`: not believed until its origin has offered it again; `mended` here; `alarm`: somebody has to decide.
  outcome text not null check (outcome in ('asked', 'mended', 'alarm')),
  since timestamptz not null,
  last_at timestamptz not null,
  round bigint not null
);

-- Sums over the part of the type that is done: exact while others write, because the triggers below follow them. At the
-- end of the type they are compared with `digests`.
create table scrub_sums (
  part text collate "C" not null,
  type text collate "C" not null,
  origin text collate "C" not null,
  audience text collate "C" not null,
  lane0 bigint not null,
  lane1 bigint not null,
  lane2 bigint not null,
  lane3 bigint not null,
  count bigint not null,
  primary key (part, type, origin, audience)
);

create function scrub_add(sums digest_sum[]) returns void
  language sql
  set search_path from current
  begin atomic
    insert into scrub_sums as d (part, type, origin, audience, lane0, lane1, lane2, lane3, count)
    select s.part, s.type, s.origin, s.audience,
      s.lane0 & 4294967295, s.lane1 & 4294967295, s.lane2 & 4294967295, s.lane3 & 4294967295, s.count
    from unnest(sums) s
    where (s.lane0, s.lane1, s.lane2, s.lane3, s.count) <> (0, 0, 0, 0, 0)
    order by s.part, s.type, s.origin, s.audience
    on conflict (part, type, origin, audience) do update set
      lane0 = (d.lane0 + excluded.lane0) & 4294967295,
      lane1 = (d.lane1 + excluded.lane1) & 4294967295,
      lane2 = (d.lane2 + excluded.lane2) & 4294967295,
      lane3 = (d.lane3 + excluded.lane3) & 4294967295,
      count = d.count + excluded.count;
  end;

create function resources_scrub() returns trigger
  language plpgsql
  set search_path from current
as $$
declare
  at_type text;
  at_bucket integer;
  sums digest_sum[];
begin
  select s.type, s.bucket into at_type, at_bucket from scrub s where s.type <> '' and s.bucket > 0;
  if not found then
    return null;
  end if;
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(p.part, n.type, n.origin, p.part_audience,
        sum(digest_lane(p.part_entry, 0))::bigint, sum(digest_lane(p.part_entry, 1))::bigint,
        sum(digest_lane(p.part_entry, 2))::bigint, sum(digest_lane(p.part_entry, 3))::bigint,
        count(*))::digest_sum s
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
      where n.type = at_type and n.bucket < at_bucket
      group by p.part, n.type, n.origin, p.part_audience
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(s) into sums from (
      select row(p.part, o.type, o.origin, p.part_audience,
        -sum(digest_lane(p.part_entry, 0))::bigint, -sum(digest_lane(p.part_entry, 1))::bigint,
        -sum(digest_lane(p.part_entry, 2))::bigint, -sum(digest_lane(p.part_entry, 3))::bigint,
        -count(*))::digest_sum s
      from old_rows o
      cross join lateral resource_parts(o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry) p
      where o.type = at_type and o.bucket < at_bucket
      group by p.part, o.type, o.origin, p.part_audience
    ) x;
  else
    with moved as (
      select p.part, n.type, n.origin, p.part_audience, p.part_entry, 1 as direction
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
      where n.type = at_type and n.bucket < at_bucket
      union all
      select p.part, o.type, o.origin, p.part_audience, p.part_entry, -1
      from old_rows o
      cross join lateral resource_parts(o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry) p
      where o.type = at_type and o.bucket < at_bucket
    )
    select array_agg(s) into sums from (
      select row(m.part, m.type, m.origin, m.part_audience,
        sum(m.direction * digest_lane(m.part_entry, 0))::bigint, sum(m.direction * digest_lane(m.part_entry, 1))::bigint,
        sum(m.direction * digest_lane(m.part_entry, 2))::bigint, sum(m.direction * digest_lane(m.part_entry, 3))::bigint,
        sum(m.direction))::digest_sum s
      from moved m
      group by m.part, m.type, m.origin, m.part_audience
    ) x;
  end if;
  if sums is not null then
    perform scrub_add(sums);
  end if;
  return null;
end
$$;

create trigger resources_scrub_insert after insert on resources
  referencing new table as new_rows for each statement execute function resources_scrub();
create trigger resources_scrub_update after update on resources
  referencing old table as old_rows new table as new_rows for each statement execute function resources_scrub();
create trigger resources_scrub_delete after delete on resources
  referencing old table as old_rows for each statement execute function resources_scrub();
