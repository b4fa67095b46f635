import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { changeLine, headLine, markLine, type Recalled, recall } from './journal.js'
import type { Change } from './picture.js'

/** A file that has grown to this many times what it would take anew is written anew. */
const growthMax = 2
/** Below this size it is not worth it. */
const bytesMin = 1_048_576
const chunkBytes = 1_048_576

/**
 * The journal on a disk: appended to at each change, written anew beside itself and put in place when it has grown. A disk
 * that refuses is reported to whoever calls, and the answers in memory do not depend on it.
 */
export class JournalFile {
  readonly #path: string
  readonly #zone: string
  #file: FileHandle | undefined
  #bytes = 0
  #bytesAnew = 0

  constructor(path: string, zone: string) {
    this.#path = path
    this.#zone = zone
  }

  /** What the file holds; undefined if there is none. Never throws for what it contains. */
  async recall(): Promise<Recalled | undefined> {
    try {
      return recall(await readFile(this.#path, 'utf8'), this.#zone)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      return { outcome: 'useless', reason: (error as Error).message }
    }
  }

  /** Adds what has changed. What was begun and not ended by a crash is not read back. */
  async append(changes: readonly Change[], epoch: string, revision: number): Promise<void> {
    if (this.#file === undefined) throw new Error('the file of last good answers was not begun')
    const text = changes.map(changeLine).join('') + markLine(epoch, revision)
    await this.#file.appendFile(text)
    await this.#file.datasync()
    this.#bytes += Buffer.byteLength(text)
  }

  /** Whether writing it anew would make it much smaller. */
  get isGrown(): boolean {
    return this.#bytes > bytesMin && this.#bytes > growthMax * this.#bytesAnew
  }

  /** Writes all of it anew. The old file stays until the new one is whole. */
  async begin(all: Iterable<Change>, epoch: string, revision: number): Promise<void> {
    const fresh = `${this.#path}.new`
    await mkdir(dirname(this.#path), { recursive: true })
    await rm(fresh, { force: true })
    const file = await open(
      fresh,
      constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND,
      0o600,
    )
    try {
      let bytes = 0
      let chunk = headLine(this.#zone)
      const flush = async (): Promise<void> => {
        await file.appendFile(chunk)
        bytes += Buffer.byteLength(chunk)
        chunk = ''
      }
      for (const change of all) {
        chunk += changeLine(change)
        if (chunk.length > chunkBytes) await flush()
      }
      chunk += markLine(epoch, revision)
      await flush()
      await file.datasync()
      await rename(fresh, this.#path)
      await this.#file?.close()
      this.#file = file
      this.#bytes = bytes
      this.#bytesAnew = bytes
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}
