-- oldest program: 0.1.0
-- While a global recovers, each of its processes writes down how the zones stand that are connected to it, so that any of
-- them sees when all are back.

create table recovery_witnesses (
  zone text collate "C" primary key,
  -- Of the log that is recovered into; what was seen of another one says nothing.
  epoch text not null,
  heard boolean not null,
  in_step boolean not null,
  conflicts text[] not null default '{}',
  -- What they remember otherwise than it is here, as reasons to wait; null: not asked yet.
  open_waits jsonb,
  at timestamptz not null
) with (fillfactor = 50);
