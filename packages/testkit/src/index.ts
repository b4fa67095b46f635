export { freshDatabase, type TestDatabase } from '@holdfast/store/testing'
