export * from './databases.js'
export { runningEmbedded } from './running.js'
export { type Embedded, type EmbeddedOptions, startEmbedded } from './start.js'
