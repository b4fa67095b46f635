-- oldest program: 0.1.0
-- The audit log proves itself: the last row of each commit carries a hash over all rows of that commit and the hash before
-- it, so a line that was changed, added or taken away later shows. Rows of before have none.

alter table audit add column chain bytea check (length(chain) = 32);

-- One line of the log as it is hashed.
create function audit_line(
  id bigint, at timestamptz, actor text, action text, subject text, detail jsonb, revision bigint
) returns text
  language sql stable parallel safe
  return jsonb_build_array(id, (extract(epoch from at) * 1000)::bigint, actor, action, subject, detail, revision)::text;

create function audit_is_append_only() returns trigger
  language plpgsql
as $$
begin
  raise exception 'the audit log is append-only: % is refused', lower(tg_op);
end
$$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_is_append_only();
