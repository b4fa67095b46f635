export { type Finding, isConformant, junit, type Outcome, type Report } from './report.js'
export { type ConformanceOptions, runConformance } from './run.js'
