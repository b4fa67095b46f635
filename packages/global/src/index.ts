export * from './runtime.js'
