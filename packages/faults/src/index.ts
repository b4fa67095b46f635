export type { RowReport } from './judge.js'
export type { Row } from './row.js'
export { rows } from './rows/index.js'
export { runRows } from './run.js'
