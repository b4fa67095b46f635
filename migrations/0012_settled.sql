-- oldest program: 0.1.0
-- How far each peer has let go of what is gone in our log: an address goes to another owner only when all have.

alter table cursors
  drop constraint cursors_side_check,
  add constraint cursors_side_check check (side in ('received', 'acked', 'settled')),
  -- Of a `settled` position: origins for which it does not speak, because the peer holds or refuses something of theirs.
  add column unsettled text[] not null default '{}';
