export * from './endpoints/index.js'
export * from './runtime.js'
export * from './services/index.js'
