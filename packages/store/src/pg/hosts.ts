import { Problem } from '@holdfast/model'
import pg from 'pg'

/**
 * A URL may name several hosts, as libpq reads it: `postgres://user:password@a:5432,b:5432/holdfast`. One of them takes writes;
 * after a fail-over it is another one. `target_session_attrs=any` takes the first that answers, for a look at a standby.
 */
const several = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/i
const probeTimeoutMs = 3_000
/** Everybody who waits for a database asks at once: one round of questions does for all of them, and for so long. */
const probeEveryMs = 250

/** One URL for each host that is named, in their order; `target_session_attrs` is ours and is left out. */
export function urlsOf(url: string): readonly string[] {
  const [, before = '', hosts = '', after = ''] = several.exec(url) ?? []
  const rest = after
    .replace(/([?&])target_session_attrs=[^&]*(&|$)/, (_, first: string, last: string) => (last === '' ? '' : first))
    .replace(/\?$/, '')
  return hosts.split(',').map((host) => `${before}${host}${rest}`)
}

const attributesOf = (url: string): string => /[?&]target_session_attrs=([^&]*)/.exec(url)?.[1] ?? 'read-write'

/** Where a database is, for messages: host and port alone. */
const placeOf = (url: string): string => several.exec(url)?.[2] ?? url

/** @returns why it cannot be written to; undefined: it can */
async function lackOf(url: string): Promise<string | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: probeTimeoutMs,
    query_timeout: probeTimeoutMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ standby: boolean; only: string }>(
      "select pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') as only",
    )
    return rows[0]?.standby === true
      ? 'it is a standby'
      : rows[0]?.only === 'on'
        ? 'it takes no writes (default_transaction_read_only)'
        : undefined
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error)
  } finally {
    void client.end().catch(() => {})
  }
}

/** The host that takes writes, of those that a URL names. */
export class Hosts {
  readonly #urls: readonly string[]
  readonly #takesAny: boolean
  #chosen: string | undefined
  #choosing: Promise<string> | undefined
  #failed: { readonly atMs: number; readonly problem: Problem } | undefined

  private constructor(url: string) {
    this.#urls = urlsOf(url)
    this.#takesAny = attributesOf(url) === 'any'
  }

  /** Undefined: there is one host, and nothing to choose. */
  static of(url: string): Hosts | undefined {
    const hosts = new Hosts(url)
    return hosts.#urls.length > 1 ? hosts : undefined
  }

  /**
   * URL of the one host that takes writes.
   * @throws Problem `unavailable` with what each of them says
   */
  async current(): Promise<string> {
    if (this.#chosen !== undefined) return this.#chosen
    if (this.#failed !== undefined && performance.now() - this.#failed.atMs < probeEveryMs) throw this.#failed.problem
    this.#choosing ??= this.#choose().finally(() => {
      this.#choosing = undefined
    })
    return this.#choosing
  }

  /** It did not answer, or takes no writes any more: the next question looks at all of them. */
  lost(url: string): void {
    if (url === this.#chosen) this.#chosen = undefined
  }

  async #choose(): Promise<string> {
    // All at once; who stands first in the list is waited for, so that all processes come to the same one.
    const asked = this.#urls.map((url) => ({ url, lack: lackOf(url) }))
    const said: string[] = []
    for (const { url, lack } of asked) {
      const why = await lack
      if (why === undefined || (this.#takesAny && why === 'it is a standby')) {
        this.#failed = undefined
        this.#chosen = url
        return url
      }
      said.push(`${placeOf(url)}: ${why}`)
    }
    const problem = new Problem('unavailable', `none of the databases takes writes: ${said.join('; ')}`)
    this.#failed = { atMs: performance.now(), problem }
    throw problem
  }
}

/** For a connection of its own: the URL itself, or that of the host that takes writes. */
export const writableUrl = async (url: string): Promise<string> => (await Hosts.of(url)?.current()) ?? url
