import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import type { SidePlane } from './side.js'

/** Looks at a PostgreSQL server from beside it. */
export class ServerCounts {
  readonly #client: pg.Client
  #postmaster = 0

  private constructor(url: string) {
    this.#client = new pg.Client({ connectionString: url })
  }

  static async open(url: string): Promise<ServerCounts> {
    const counts = new ServerCounts(url)
    await counts.#client.connect()
    const { rows } = await counts.#client.query<{ pid: number }>('select pg_backend_pid() as pid')
    counts.#postmaster = Number(statOf(rows[0]?.pid ?? 0)[1])
    return counts
  }

  /** Rows inserted, updated and deleted so far in the database of each, all tables; some seconds late. */
  async rows(planes: readonly SidePlane[]): Promise<readonly number[]> {
    const { rows } = await this.#client.query<{ datname: string; n: string }>(
      'select datname, tup_inserted + tup_updated + tup_deleted as n from pg_stat_database',
    )
    const byName = new Map(rows.map(({ datname, n }) => [datname, Number(n)]))
    return planes.map(({ databaseUrl }) => byName.get(new URL(databaseUrl).pathname.slice(1)) ?? Number.NaN)
  }

  /** CPU time of all processes of the server so far, those that have ended included, in seconds. */
  cpuSeconds(): number {
    const own = statOf(this.#postmaster)
    const ended = Number(own[13]) + Number(own[14])
    const living = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          return [statOf(Number(pid))]
        } catch {
          // It has ended since the folder was read.
          return []
        }
      })
      .filter((stat) => Number(stat[1]) === this.#postmaster)
      .concat([own])
      .reduce((sum, stat) => sum + Number(stat[11]) + Number(stat[12]), 0)
    return (ended + living) / ticksPerSecond
  }

  async close(): Promise<void> {
    await this.#client.end()
  }
}

const ticksPerSecond = 100

/** Fields of `/proc/PID/stat` from the third on: state, parent, …; the name before them may have blanks in it. */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
