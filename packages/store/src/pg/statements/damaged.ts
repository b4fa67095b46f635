/** Sums of the four lanes of an entry, as columns. */
export const laneSums = (entry: string): string =>
  [0, 1, 2, 3].map((lane) => `sum(digest_lane(${entry}, ${lane}))::bigint & 4294967295 as lane${lane}`).join(', ')

/**
 * SQL over a row of `resources`: what is held is not what was offered. In the words of the index `resources_exceptional` and of the
 * statistics that tell the planner how few such rows there are.
 */
export const sqlExceptional = (row: string): string =>
  `case when ${row}.offered_entry is distinct from ${row}.entry and (${row}.offered_entry is not null or ${row}.hold_id is not null)
     then true else false end`

/**
 * SQL over `resources r`: a copy that is not what was last offered of it, and nothing says why: it is not held, not
 * refused, did not go with its mesh, and is not what the hooks have left published of it. Something has changed it behind the program's back. It does not count as
 * offered, so that the next proof fails and the repair brings it back (HEAL). Nearly always empty, and an index has them.
 */
export const sqlDamaged = `(${sqlExceptional('r')} and r.offered_entry is not null and r.hold_id is null
  and not exists (select from refused f
    where f.type = r.type and f.mesh = r.mesh and f.name = r.name and f.channel <> 'status')
  and not exists (select from hook_forms hf where hf.type = r.type and hf.mesh = r.mesh and hf.name = r.name
    and (r.deleted or hf.row_entry is not distinct from r.entry))
  and not (r.deleted and exists (select from resources m
    where m.type = 'Mesh' and m.mesh = '' and m.name = r.mesh and m.deleted)))`
