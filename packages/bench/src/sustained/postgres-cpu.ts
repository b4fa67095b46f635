import { readdirSync, readFileSync } from 'node:fs'
import type pg from 'pg'

const ticksPerSecond = 100

/** @returns what asks for the CPU time of all processes of the server so far, also of those that have ended; seconds */
export async function postgresCpu(client: pg.Client): Promise<() => number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const server = fieldsOf(String(rows[0]?.pid))?.parent
  if (server === undefined) throw new Error('the database does not run on this machine')
  return () => {
    let ticks = 0
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const fields = fieldsOf(pid)
      if (fields === undefined) continue
      if (pid === server) ticks += fields.own + fields.ended
      else if (fields.parent === server) ticks += fields.own
    }
    return ticks / ticksPerSecond
  }
}

/** Undefined: it has ended meanwhile. */
function fieldsOf(pid: string): { readonly parent: string; readonly own: number; readonly ended: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may have blanks in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [own, ended] = [Number(fields[11]) + Number(fields[12]), Number(fields[13]) + Number(fields[14])]
    return { parent: fields[1] ?? '', own, ended }
  } catch {
    return undefined
  }
}
