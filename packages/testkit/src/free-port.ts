import { readFileSync } from 'node:fs'

/**
 * Below what systems give to whoever connects somewhere or asks for any port (Linux from 32768, macOS from 49152), and so is the second
 * port of a Redis in a cluster, 10,000 above its first.
 */
const range = { from: 10_000, to: 22_000 }
/** Test files run in several processes at once: none takes what another one has chosen and nobody listens on yet. */
const lanes = 61
const perLane = Math.floor((range.to - range.from) / lanes)
let turn = Math.floor(Math.random() * perLane)

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Local ports of sockets of any kind, in any state; none where the system does not say. */
export function portsInUse(): ReadonlySet<number> {
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => read(`/proc/net/${name}`)).join('\n')
  return new Set(
    [...tables.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)].map(([, port]) => Number.parseInt(port ?? '', 16)),
  )
}

/** The next port of this process beside those. @throws Error if there is none */
export function portBeside(used: ReadonlySet<number>): number {
  for (let tried = 0; tried < perLane; tried++) {
    turn = (turn + 1) % perLane
    const port = range.from + turn * lanes + (process.pid % lanes)
    if (!used.has(port)) return port
  }
  throw new Error(`every port of this process from ${range.from} to ${range.to} is in use`)
}

/**
 * A port of TCP and UDP that nobody uses and that nobody is given by chance: for programs that are told theirs, and for whoever
 * goes and comes back to it. One that the system chooses may be a connection's, or another test's, while nobody listens on it.
 *
 * @throws Error if all are in use
 */
export const freePort = (): number => portBeside(portsInUse())
