import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Cursor } from '@holdfast/kds'
import { Problem } from '@holdfast/model'

/** How far the log of a store has been seen, remembered outside of the database: a backup put back has less. */
export interface HighWater {
  readonly storeId: string
  readonly cursor: Cursor
  /** The store was made ready once; a database that knows nothing of it is not a new one. */
  readonly initialised: boolean
}

const fileName = 'high-water.json'
const writeEveryMs = 1_000

/**
 * The file with the high-water mark, in the data folder. It is written after commits, at most once a second, and at
 * close; it may lag behind the log, and that is no contradiction.
 */
export class HighWaterFile {
  readonly path: string
  readonly #onFailure: (error: unknown) => void
  #due: HighWater | undefined
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(dataDir: string, onFailure: (error: unknown) => void) {
    this.path = join(dataDir, fileName)
    this.#onFailure = onFailure
  }

  /**
   * Undefined where there is none; no file is no evidence.
   * @throws Problem `unavailable` for one that cannot be read: it may know of a loss
   */
  async read(): Promise<HighWater | undefined> {
    let text: string
    try {
      text = await readFile(this.path, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
    const parsed = parse(text)
    if (parsed === undefined)
      throw new Problem(
        'unavailable',
        `${this.path} is damaged, and it may know that the database has lost something. ` +
          'If you are sure that the database is the latest one, move the file away and start again.',
      )
    return parsed
  }

  note(mark: HighWater): void {
    this.#due = mark
    this.#timer ??= setTimeout(() => void this.flush(), writeEveryMs).unref()
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const mark = this.#due
    this.#due = undefined
    if (mark !== undefined) this.#writing = this.#writing.then(() => this.#write(mark)).catch(this.#onFailure)
    await this.#writing
  }

  /** Whole or not at all: who reads it after a crash reads one of the two. */
  async #write(mark: HighWater): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true })
    await writeFile(`${this.path}.new`, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true })
    await rename(`${this.path}.new`, this.path)
  }
}

function parse(text: string): HighWater | undefined {
  try {
    const { storeId, cursor, initialised }: Partial<HighWater> = JSON.parse(text)
    if (typeof storeId !== 'string' || typeof initialised !== 'boolean') return undefined
    const { epoch, revision, tag }: Partial<Cursor> = cursor ?? {}
    if (typeof epoch !== 'string' || typeof tag !== 'string' || !Number.isSafeInteger(revision)) return undefined
    return { storeId, cursor: { epoch, revision: Number(revision), tag }, initialised }
  } catch {
    return undefined
  }
}
