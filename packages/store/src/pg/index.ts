export { writableUrl } from './hosts.js'
export { type OpenStoreOptions, openStore } from './open.js'
export type { StatementCount } from './sql.js'
export { PgStore, type StoreLog } from './store.js'
