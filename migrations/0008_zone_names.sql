-- oldest program: 0.1.0
-- Whose a zone's name is: another store that has asked for it, an operator's word, what is still owed to the present one.

alter table zones
  add column claimant_store_id text,
  add column claimed_at timestamptz,
  add column adopted_at timestamptz,
  -- What the store of before had written goes back to the present one before that says anything.
  add column owes_return boolean not null default false,
  add column decommissioned_at timestamptz;
