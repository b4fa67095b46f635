-- oldest program: 0.1.0
-- Keys that the specs of secrets are sealed with, themselves wrapped by a key that is never in the database.

create table data_keys (
  id smallint primary key check (id > 0),
  -- Name of the master key that `wrapped` is wrapped with.
  master_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null,
  -- Nobody seals with it before: every replica has to know it first.
  active_from timestamptz not null
);
