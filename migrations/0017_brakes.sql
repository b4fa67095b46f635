-- oldest program: 0.1.0
-- Brakes that an operator pulls: a zone that global neither hears nor tells anything, and a control plane in which nobody
-- changes anything.

alter table zones
  add column paused_at timestamptz,
  add column paused_by text,
  add column pause_reason text,
  add constraint zones_pause_is_whole
    check ((paused_at is null) = (paused_by is null) and (paused_at is null) = (pause_reason is null));

alter table store_head
  add column read_only_at timestamptz,
  add column read_only_by text,
  add column read_only_reason text,
  add constraint store_head_read_only_is_whole
    check ((read_only_at is null) = (read_only_by is null) and (read_only_at is null) = (read_only_reason is null));
