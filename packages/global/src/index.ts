export * from './hooks/index.js'
export * from './runtime.js'
