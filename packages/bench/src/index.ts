export { asText, type Gate, type Section } from './report.js'
export { type Session, StubZone } from './rolling/stub-zone.js'
export { fullSizes, quickSizes, run, type Sizes } from './run.js'
