export * from './databases.js'
export { type Embedded, type EmbeddedOptions, startEmbedded } from './start.js'
