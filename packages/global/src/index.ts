export * from './hooks/index.js'
export * from './replicas/index.js'
export * from './runtime.js'
