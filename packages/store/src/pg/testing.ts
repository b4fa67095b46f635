import { freshDatabase, type TestDatabase } from '../testing/index.js'
import { type OpenStoreOptions, openStore } from './open.js'
import type { StatementCount } from './sql.js'
import type { PgStore, StoreLog } from './store.js'

/** For tests that do not look at what is logged. */
export const silentLog: StoreLog = { info: () => {}, warn: () => {}, error: () => {} }

export type Opening = Partial<OpenStoreOptions> & { readonly role: 'global' | 'zone' }

/** A store on a database, of the newest program. */
export const openOn = (databaseUrl: string, options: Opening): Promise<PgStore> =>
  openStore({
    databaseUrl,
    name: options.role === 'global' ? '' : 'east',
    programVersion: '9999.0.0',
    log: silentLog,
    ...options,
  })

export interface OpenedStore extends AsyncDisposable {
  readonly store: PgStore
  readonly database: TestDatabase
}

/** An initialised store on a database of its own. */
export async function freshStore(options: Opening): Promise<OpenedStore> {
  const database = await freshDatabase()
  const store = await openOn(database.url, options)
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  return {
    store,
    database,
    [Symbol.asyncDispose]: async () => {
      await store.close()
      await database.drop()
    },
  }
}

/** Counts statements by name, from `reset` on. */
export class Counter {
  #counts = new Map<string, number>()

  readonly note = ({ name }: StatementCount): void => {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  reset(): void {
    this.#counts = new Map()
  }

  get byName(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }
}
