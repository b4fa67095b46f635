-- oldest program: 0.1.0
-- Sums of digest entries, four lanes modulo 2^32, kept by triggers per statement so that they are exact in every
-- snapshot, whoever wrote. The digest of a zone's view is a sum of these rows.
--   held           what we keep                            by type, origin, audience
--   offered        what senders last offered us             by type, origin
--   status, offered_status                                  the same for status

create table digests (
  part text collate "C" not null check (part in ('held', 'offered', 'status', 'offered_status')),
  type text collate "C" not null,
  origin text collate "C" not null,
  audience text collate "C" not null,
  lane0 bigint not null,
  lane1 bigint not null,
  lane2 bigint not null,
  lane3 bigint not null,
  count bigint not null,
  primary key (part, type, origin, audience)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Newcomers that were refused have no row in `resources`: half a row would be served by somebody one day.
create table refused (
  peer text collate "C" not null,
  channel text collate "C" not null check (channel in ('down', 'up', 'status')),
  type text collate "C" not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  origin text collate "C" not null,
  export_name text collate "C" not null,
  bucket smallint not null check (bucket >= 0),
  -- No row of `resources` remembers the offer, so this one counts in the digest of what was offered.
  newcomer boolean not null,
  entry bytea not null check (length(entry) = 16),
  reason text not null,
  remembered text,
  since timestamptz not null,
  next_try timestamptz not null,
  tries integer not null,
  primary key (peer, channel, type, mesh, name)
);
create index refused_bucket on refused (type, bucket) where newcomer;

-- One lane of an entry, as an unsigned number.
create function digest_lane(entry bytea, lane integer) returns bigint
  language sql immutable parallel safe strict
  return (get_byte(entry, 4 * lane)::bigint << 24) | (get_byte(entry, 4 * lane + 1)::bigint << 16)
    | (get_byte(entry, 4 * lane + 2)::bigint << 8) | get_byte(entry, 4 * lane + 3)::bigint;

create type digest_sum as (
  part text, type text, origin text, audience text, lane0 bigint, lane1 bigint, lane2 bigint, lane3 bigint, count bigint
);

-- Adds what a statement has changed. In key order, so that two writers never wait for each other in a circle.
create function digest_add(sums digest_sum[]) returns void
  language sql
  set search_path from current
  begin atomic
    insert into digests as d (part, type, origin, audience, lane0, lane1, lane2, lane3, count)
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

-- The four entries of a row, each with the sum that it belongs to.
create function resource_parts(
  audience text, entry bytea, offered_entry bytea, status_entry bytea, offered_status_entry bytea,
  out part text, out part_audience text, out part_entry bytea
) returns setof record
  language sql immutable parallel safe rows 2
  begin atomic
    select p.part, p.audience, p.entry
    from (values
      ('held', audience, entry),
      ('offered', '', offered_entry),
      ('status', audience, status_entry),
      ('offered_status', '', offered_status_entry)
    ) p (part, audience, entry)
    where p.entry is not null;
  end;

create function resources_digest() returns trigger
  language plpgsql
  set search_path from current
as $$
declare
  sums digest_sum[];
begin
  -- Each branch is planned only where its transition tables exist.
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(p.part, n.type, n.origin, p.part_audience,
        sum(digest_lane(p.part_entry, 0))::bigint, sum(digest_lane(p.part_entry, 1))::bigint,
        sum(digest_lane(p.part_entry, 2))::bigint, sum(digest_lane(p.part_entry, 3))::bigint,
        count(*))::digest_sum s
      from new_rows n
      cross join lateral resource_parts(n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry) p
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
      group by p.part, o.type, o.origin, p.part_audience
    ) x;
  else
    -- Most updates change one entry or none: only what differs is taken apart.
    with changed as (
      select o.type old_type, n.type new_type, o.origin old_origin, n.origin new_origin,
        o.audience old_audience, n.audience new_audience,
        o.entry old_entry, n.entry new_entry, o.offered_entry old_offered, n.offered_entry new_offered,
        o.status_entry old_status, n.status_entry new_status,
        o.offered_status_entry old_offered_status, n.offered_status_entry new_offered_status
      from old_rows o full join new_rows n
        on n.type = o.type and n.mesh = o.mesh and n.name = o.name
      where (o.type, o.origin, o.audience, o.entry, o.offered_entry, o.status_entry, o.offered_status_entry)
        is distinct from (n.type, n.origin, n.audience, n.entry, n.offered_entry, n.status_entry, n.offered_status_entry)
    ), moved as (
      select p.part, c.new_type as type, c.new_origin as origin, p.part_audience, p.part_entry, 1 as direction
      from changed c
      cross join lateral resource_parts(
        c.new_audience, c.new_entry, c.new_offered, c.new_status, c.new_offered_status) p
      union all
      select p.part, c.old_type, c.old_origin, p.part_audience, p.part_entry, -1
      from changed c
      cross join lateral resource_parts(
        c.old_audience, c.old_entry, c.old_offered, c.old_status, c.old_offered_status) p
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
    perform digest_add(sums);
  end if;
  return null;
end
$$;

create function refused_digest() returns trigger
  language plpgsql
  set search_path from current
as $$
declare
  sums digest_sum[];
begin
  if tg_op = 'INSERT' then
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        sum(digest_lane(entry, 0))::bigint, sum(digest_lane(entry, 1))::bigint,
        sum(digest_lane(entry, 2))::bigint, sum(digest_lane(entry, 3))::bigint, count(*))::digest_sum s
      from new_rows where newcomer
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  elsif tg_op = 'DELETE' then
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        -sum(digest_lane(entry, 0))::bigint, -sum(digest_lane(entry, 1))::bigint,
        -sum(digest_lane(entry, 2))::bigint, -sum(digest_lane(entry, 3))::bigint, -count(*))::digest_sum s
      from old_rows where newcomer
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  else
    select array_agg(s) into sums from (
      select row(case channel when 'status' then 'offered_status' else 'offered' end, type, origin, '',
        sum(direction * digest_lane(entry, 0))::bigint, sum(direction * digest_lane(entry, 1))::bigint,
        sum(direction * digest_lane(entry, 2))::bigint, sum(direction * digest_lane(entry, 3))::bigint,
        sum(direction))::digest_sum s
      from (
        select channel, type, origin, entry, 1 direction from new_rows where newcomer
        union all
        select channel, type, origin, entry, -1 from old_rows where newcomer
      ) m
      group by case channel when 'status' then 'offered_status' else 'offered' end, type, origin
    ) x;
  end if;
  if sums is not null then
    perform digest_add(sums);
  end if;
  return null;
end
$$;

create trigger resources_digest_insert after insert on resources
  referencing new table as new_rows for each statement execute function resources_digest();
create trigger resources_digest_update after update on resources
  referencing old table as old_rows new table as new_rows for each statement execute function resources_digest();
create trigger resources_digest_delete after delete on resources
  referencing old table as old_rows for each statement execute function resources_digest();

create trigger refused_digest_insert after insert on refused
  referencing new table as new_rows for each statement execute function refused_digest();
create trigger refused_digest_update after update on refused
  referencing old table as old_rows new table as new_rows for each statement execute function refused_digest();
create trigger refused_digest_delete after delete on refused
  referencing old table as old_rows for each statement execute function refused_digest();

-- A statement trigger sees no rows of a truncate, so the sums could not follow.
create function no_truncate() returns trigger
  language plpgsql
as $$
begin
  raise exception 'truncate of % is refused: digests follow rows; use delete', tg_table_name;
end
$$;
create trigger resources_no_truncate before truncate on resources for each statement execute function no_truncate();
create trigger refused_no_truncate before truncate on refused for each statement execute function no_truncate();
