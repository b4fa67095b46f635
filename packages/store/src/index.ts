export type * from './plan/types.js'
export type * from './port.js'
