export * from './backoff.js'
export * from './handle.js'
export * from './metrics.js'
export { runSession, type SessionOptions } from './run-session.js'
