export * from './runtime.js'
export * from './services/index.js'
