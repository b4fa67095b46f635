export type { Law, Violation } from './broken.js'
export { catchBug, type PlantedBug, plantedBugs, tableOf } from './planted.js'
export { type Outcome, type Planted, type SimulationOptions, simulate } from './simulate.js'
