import pg from 'pg'
import { writableUrl } from './hosts.js'

/**
 * What stands between a connection and its server: nothing, something that keeps the two together (a pooler in session mode),
 * or something that hands each transaction to whatever connection to the server is free.
 */
export type Pooling = 'none' | 'session' | 'transaction'

/** So many looks: a pooler with several free connections may hand out another one each time, or the same to everybody. */
const looksMax = 20
/** A pooler in session mode whose connections are all taken lets the next one wait. */
const secondTimeoutMs = 3_000

async function backendOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid
}

/** Whether anything is in between: what a connection is told for cancelling its statements is not the number of its server process. */
export async function isPooled(client: pg.Client): Promise<boolean> {
  // Not in the driver's types, and there since its first release.
  const { processID } = client as unknown as { readonly processID: number | null }
  return processID !== (await backendOf(client))
}

/**
 * Found out by what a pooler in transaction mode cannot hide: two connections that both stand come to be served by one process,
 * or one by two.
 * @throws what the driver throws where the database does not answer
 */
export async function poolingOf(url: string): Promise<Pooling> {
  const connectionString = await writableUrl(url)
  const open = (timeoutMs: number): pg.Client => {
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: timeoutMs })
    client.on('error', () => {})
    return client
  }
  const first = open(10_000)
  const second = open(secondTimeoutMs)
  try {
    await first.connect()
    if (!(await isPooled(first))) return 'none'
    const at = await backendOf(first)
    await second.connect()
    // None is left for a second one: each that stands has its own.
    const isServed = await backendOf(second).then(
      () => true,
      () => false,
    )
    for (let look = 0; isServed && look < looksMax; look++)
      if ((await backendOf(second)) === at || (await backendOf(first)) !== at) return 'transaction'
    return 'session'
  } finally {
    await Promise.allSettled([first.end(), second.end()])
  }
}
