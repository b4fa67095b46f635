-- oldest program: 0.1.0
-- When each type was repaired last: one repair per type and minute, whatever session or process begins it.

create table repairs (
  peer text collate "C" not null,
  channel text collate "C" not null check (channel in ('down', 'up', 'status')),
  type text collate "C" not null,
  -- The sender's log that was compared with: another one is compared at once.
  epoch text not null,
  at timestamptz not null,
  primary key (peer, channel, type)
);

-- Instead of the one `diverged_type`; none: the sums differ as a whole.
alter table cursors add column diverged_types text[] not null default '{}';
