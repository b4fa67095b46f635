-- oldest program: 0.1.0
-- Who has which virtual IP and who had it before. No foreign key to `resources`: the ledger outlives what it is about.
-- The constraints are the last defence behind the plan; a statement that meets one is a mistake of ours.

-- Slices of the pools, each leased to one control plane. A projection of the VipBlock resources.
create table vip_blocks (
  id text collate "C" primary key,
  kind text collate "C" not null,
  family smallint not null check (family in (4, 6)),
  cidr cidr not null check (family(cidr) = family),
  -- Zone, or '' for global.
  owner text collate "C" not null,
  store_id text not null,
  generation integer not null,
  created_at timestamptz not null,
  unique (id, cidr),
  constraint vip_blocks_disjoint exclude using gist (cidr inet_ops with &&)
);

create table vip_ledger (
  -- `canonical`, or `zone:<name>` for addresses that hold in one zone only.
  scope text collate "C" not null check (scope = 'canonical' or scope like 'zone:%'),
  kind text collate "C" not null,
  mesh text collate "C" not null,
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  family smallint not null check (family in (4, 6)),
  address inet not null check (family(address) = family and masklen(address) = case family when 4 then 32 else 128 end),
  generation integer not null check (generation >= 0),
  state text not null check (state in ('active', 'tombstoned')),
  -- Both set where this control plane allocated the address itself.
  block_id text collate "C",
  block_cidr cidr,
  allocated_at timestamptz not null,
  tombstoned_at timestamptz,
  -- Revision of our log in which it was tombstoned: the quarantine waits until every zone has acked it.
  tombstoned_revision bigint,
  primary key (scope, kind, mesh, origin, namespace, display_name, family),
  constraint vip_ledger_one_owner unique (scope, family, address),
  constraint vip_ledger_in_block check (address <<= block_cidr),
  constraint vip_ledger_block foreign key (block_id, block_cidr) references vip_blocks (id, cidr),
  check ((block_id is null) = (block_cidr is null)),
  check ((state = 'tombstoned') = (tombstoned_at is not null))
);
create index vip_ledger_block_id on vip_ledger (block_id) where block_id is not null;
create index vip_ledger_owner on vip_ledger (kind, mesh, origin, namespace, display_name);
create index vip_ledger_aliases on vip_ledger (scope) where scope <> 'canonical';
create index vip_ledger_address on vip_ledger (address);

create table vip_history (
  id bigint generated always as identity primary key,
  kind text collate "C" not null,
  mesh text collate "C" not null,
  origin text collate "C" not null,
  namespace text collate "C" not null,
  display_name text collate "C" not null,
  scope text collate "C" not null,
  family smallint not null,
  address inet not null,
  generation integer not null,
  event text not null check (event in
    ('allocated', 'witnessed', 'tombstoned', 'revived', 'freed', 'replaced', 'aliased', 'refused')),
  at timestamptz not null,
  revision bigint not null,
  why text not null
);
create index vip_history_owner on vip_history (kind, mesh, origin, namespace, display_name, id);
create index vip_history_address on vip_history (address, id);

create function append_only() returns trigger
  language plpgsql
as $$
begin
  raise exception '% is append-only', tg_table_name;
end
$$;
create trigger vip_history_append_only before update or delete or truncate on vip_history
  for each statement execute function append_only();
