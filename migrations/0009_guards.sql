-- oldest program: 0.1.0
-- Holds as an operator decides about them, and what each peer says that it refuses and holds of ours.

alter table holds
  add column first_count integer not null default 0 check (first_count >= 0),
  add column returned_count integer not null default 0 check (returned_count >= 0),
  add column deleted_count integer check (deleted_count >= 0),
  add column ended_at timestamptz,
  add column decided_by text;
update holds set first_count = key_count;

create index holds_newest on holds (since desc);
-- Rows that are kept although their sender does not offer them: few, or none.
create index resources_kept on resources (hold_id) where hold_id is not null and not deleted;

-- As the peer has told it last, for those who look at another replica or while the peer is away.
create table peer_reports (
  peer text primary key,
  -- 16 hex digits over the body: the peer says it again only if it is another one.
  hash text not null,
  body text not null,
  at timestamptz not null
);
