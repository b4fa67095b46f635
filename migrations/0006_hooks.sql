-- oldest program: 0.1.0
-- Resources whose authored form is not what is published: they wait for a policy hook, were refused by one, or were
-- changed by one. The row of `resources` has the published form. Without hooks this table is empty.

create table hook_forms (
  type text collate "C" not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  labels jsonb not null,
  type_url bytea not null,
  spec bytea not null,
  state text not null check (state in ('waiting', 'bypassed', 'refused', 'changed')),
  -- Whether the row's content was ever let through; if not, its audience is `none`.
  published boolean not null,
  hook text collate "C",
  reason text,
  since timestamptz not null,
  -- When the hook is asked (again). Whoever asks moves it on first, so that others leave the row alone meanwhile.
  next_try timestamptz,
  tries integer not null check (tries >= 0),
  -- `entry` of the row as it was written with this; another one now: changed by hand.
  row_entry bytea check (length(row_entry) = 16),
  primary key (type, mesh, name),
  foreign key (type, mesh, name) references resources (type, mesh, name) on delete cascade on update cascade,
  check ((hook is null) = (next_try is null)),
  check (published or state in ('waiting', 'refused'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
create index hook_forms_due on hook_forms (hook, next_try) where next_try is not null;

-- Whether a hook answers, as whoever asked it last has found.
create table hook_health (
  hook text collate "C" primary key,
  answers boolean not null,
  since timestamptz not null,
  reason text
);

-- Which hooks the published forms follow from, and how far everything has been given to be judged anew.
create table hook_sweep (
  one boolean primary key default true check (one),
  fingerprint text not null,
  type_order integer not null,
  mesh text collate "C" not null,
  name text collate "C" not null,
  done boolean not null
);
