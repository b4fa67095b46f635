import { hash } from 'node:crypto'
import pg from 'pg'

/** Texts that were run so often are run again: preparing one for a single use costs more than it saves. */
export const usesBefore = 5
/** A text that is built anew for each question would fill the server's memory and this map. */
const textsMax = 400

/** The same text has the same name in every process: whoever came upon another one's session would find what it looks for. */
const nameOfText = (text: string): string => `holdfast_${hash('sha256', text, 'hex').slice(0, 16)}`

/** What the server makes a plan for. */
const isPlanned = /^\s*(select|with|insert|update|delete)\b[^;]*$/

/** The connection has no such statement, or has it already: something between us and the server hands sessions on. */
const notOurSession = new Set(['26000', '42P05'])

/** A newer program has migrated the database under us, and a statement gives something else than when it was prepared. */
const givesSomethingElse = ({ code, routine }: pg.DatabaseError): boolean =>
  // One of many things that are not supported: the text is in the server's language, the place is not.
  code === '0A000' && routine === 'RevalidateCachedQuery'

/**
 * Which statements are prepared by name, and on which connections: texts that come again, where nothing stands between a
 * connection and its server process. The server then plans one once for each connection, and not each time.
 */
export class Prepared {
  readonly #uses = new Map<string, { count: number; readonly name: string }>()
  readonly #direct = new WeakSet<pg.ClientBase>()
  #isOff = false

  /** A new connection: what it is told for cancelling is the number of its server process, or it is none that stays ours. */
  async met(client: pg.ClientBase): Promise<void> {
    // Not in the driver's types, and there since its first release.
    const { processID } = client as unknown as { readonly processID: number | null }
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    if (rows[0]?.pid === processID) this.#direct.add(client)
  }

  /** Undefined: it is sent as it is. Several statements in one message cannot be prepared, nor what begins and ends transactions. */
  nameOf(client: pg.ClientBase, text: string): string | undefined {
    if (this.#isOff) return undefined
    const known = this.#uses.get(text)
    if (known === undefined) {
      if (this.#uses.size < textsMax && isPlanned.test(text)) this.#uses.set(text, { count: 1, name: nameOfText(text) })
      return undefined
    }
    known.count++
    return known.count > usesBefore && this.#direct.has(client) ? known.name : undefined
  }

  /** Whether the error of a statement is about its having been prepared; it did nothing. From then on nothing is prepared any more. */
  refusedBy(error: unknown): boolean {
    if (!(error instanceof pg.DatabaseError)) return false
    if (!notOurSession.has(error.code ?? '') && !givesSomethingElse(error)) return false
    this.#isOff = true
    return true
  }
}
