import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { endpointProblems } from '@holdfast/model'
import type { RememberedEndpoints } from './endpoints.js'

/** In the data folder, beside the high-water mark: it is there when the database is lost. */
export const endpointFileName = 'global-endpoints.json'

export type FileRead =
  | { readonly outcome: 'read'; readonly remembered: RememberedEndpoints }
  | { readonly outcome: 'none' }
  /** There is something, and no list can be read from it. It is no reason to forget what is known otherwise (EMPTY). */
  | { readonly outcome: 'unusable'; readonly reason: string }

/** The last good list of global's endpoints on disk. */
export class EndpointFile {
  readonly path: string

  constructor(dataDir: string) {
    this.path = join(dataDir, endpointFileName)
  }

  /** Total: whatever is in the file, or on the way to it. */
  async read(): Promise<FileRead> {
    try {
      return parsed(await readFile(this.path, 'utf8'))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { outcome: 'none' }
      return { outcome: 'unusable', reason: (error as Error).message }
    }
  }

  /** Whole or not at all: who reads it after a crash reads one of the two. */
  async write(remembered: RememberedEndpoints): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true })
    await writeFile(`${this.path}.new`, `${JSON.stringify(remembered)}\n`, { mode: 0o600, flush: true })
    await rename(`${this.path}.new`, this.path)
  }
}

function parsed(text: string): FileRead {
  const unusable = (reason: string): FileRead => ({ outcome: 'unusable', reason })
  if (text.trim() === '') return unusable('it is empty')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return unusable(`it is not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || !('addresses' in value))
    return unusable('it has no list "addresses"')
  const { addresses } = value
  if (!Array.isArray(addresses) || !addresses.every((address) => typeof address === 'string'))
    return unusable('"addresses" is not a list of texts')
  const problems = [...endpointProblems(addresses)].map(([path, message]) => `${path.slice(1)}: ${message}`)
  if (problems.length > 0) return unusable(problems.join('; '))
  const lastInStep = 'lastInStep' in value && typeof value.lastInStep === 'string' ? value.lastInStep : undefined
  return { outcome: 'read', remembered: { addresses, ...(lastInStep === undefined ? {} : { lastInStep }) } }
}
