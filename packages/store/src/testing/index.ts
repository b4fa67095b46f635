export { freshDatabase, serverUrlVariable, type TestDatabase, templateName } from './database.js'
