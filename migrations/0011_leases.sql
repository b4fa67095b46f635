-- oldest program: 0.1.0
-- What only one of several processes on this database may do at a time. Times are the database's own: no two clocks are
-- compared. Whoever acts on a lease says its token, and every transaction with effects compares it under a lock.

create table leases (
  name text collate "C" primary key,
  -- A process, new at every start.
  holder text collate "C" not null,
  -- Machine and process, where the holder could tell: whoever stands beside it sees that it is gone. '' otherwise.
  place text not null,
  -- Higher with every holder: what an earlier one still says is void.
  token bigint not null check (token > 0),
  taken_at timestamptz not null,
  expires_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
