export { type Field, fieldsOf } from './fields.js'
