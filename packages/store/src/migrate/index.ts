export { migrationsFolder } from './files.js'
export { type MigrateOptions, type MigrateResult, migrate } from './migrate.js'
export { compareVersions } from './version.js'
