export { byHand, holdTable, holdTransaction, isAnybodyWaiting } from './by-hand.js'
export { freshDatabase, serverUrlVariable, type TestDatabase, templateName } from './database.js'
export { countWrites, lastWritten, rowsWritten, sumOfRows } from './row-counts.js'
