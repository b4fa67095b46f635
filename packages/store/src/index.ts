export * from './embedded/index.js'
export * from './migrate/index.js'
export type * from './plan/types.js'
export type * from './port.js'
