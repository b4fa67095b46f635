export { anyResourceOf } from './any-resource.js'
