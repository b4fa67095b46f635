export { anyResourceOf } from './any-resource.js'
export { type RecordedState, recordedStates } from './recorded-states.js'
