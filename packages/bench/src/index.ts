export { asText, type Gate, type Section } from './report.js'
export { fullSizes, quickSizes, run, type Sizes } from './run.js'
