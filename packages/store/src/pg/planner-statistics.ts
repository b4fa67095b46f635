import type { Database } from './sql.js'
import type { StoreLog } from './store.js'

/**
 * New rows after which a table is looked at for the first time. Until then the planner guesses how many rows have one mesh, one zone
 * and one namespace: few, it thinks, and goes through all of them for each name. For 250 names in 1,750 rows that was a second.
 */
const firstRowsMin = 250
/** New rows after which a small table is looked at again. */
const freshRowsMin = 2_000
/** A large one is when it has grown by this share: in between the planner reckons with the size that the table has. */
const growth = 1
/**
 * What rows are looked for by. To look at the rest (contents and labels, most of a row's bytes) takes several times as long, and no
 * statement of a change or a reconnect asks for it; autovacuum looks at all of it in its own time.
 */
const looked =
  'resources (type, mesh, name, type_order, export_name, origin, namespace, display_name, audience, bucket, revision, ' +
  'deleted, status_revision, hold_id, pending_reason, absent_since), vip_ledger, ' +
  'vip_history (id, kind, mesh, origin, namespace, display_name, address)'

/**
 * Tells PostgreSQL what its tables hold when much has come at once. Autovacuum does so too, up to a minute later; until then
 * the planner takes a table of 10,000 rows for an empty one and goes through all of it for every name that it is asked
 * for: a full sync right after a bulk apply took minutes.
 */
export class PlannerStatistics {
  readonly #database: Database
  readonly #log: StoreLog
  #fresh = 0
  #known = 0
  #running: Promise<void> | undefined

  constructor(database: Database, log: StoreLog) {
    this.#database = database
    this.#log = log
  }

  /** So many rows were inserted by a commit. Nobody waits for what follows. */
  inserted(rows: number): void {
    this.#fresh += rows
    const due = this.#known === 0 ? firstRowsMin : Math.max(freshRowsMin, growth * this.#known)
    if (this.#running !== undefined || this.#fresh < due) return
    this.#known += this.#fresh
    this.#fresh = 0
    this.#running = this.#database
      .run('analyze', `analyze ${looked}`)
      .then(() => undefined)
      .catch((error: unknown) => this.#log.warn({ err: error }, 'the statistics of large tables could not be renewed'))
      .finally(() => {
        this.#running = undefined
      })
  }

  async close(): Promise<void> {
    await this.#running
  }
}
