import type { StoreLog } from './store.js'

/** For tests that do not look at what is logged. */
export const silentLog: StoreLog = { info: () => {}, warn: () => {}, error: () => {} }
