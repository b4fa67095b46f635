import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ControlPlane } from '@holdfast/testkit'
import pg from 'pg'
import { updateRows } from '../baseline/rows.js'
import { bareStreamMs } from '../baseline/stream.js'
import { cpuSeconds, residentMiB } from '../scale/usage.js'
import type { FreshDatabase } from '../stand/server.js'
import { postgresCpu } from './postgres-cpu.js'
import type { Compared, Counted, Filled, Offers, Order } from './zones.js'

export interface SustainedSizes {
  readonly seconds: number
  /** Stub zones that are told, beside the one that changes. */
  readonly listeners: number
  readonly services: number
  /** Of them, which take half of all changes. */
  readonly repeating: number
  readonly perSecond: number
  /** Where the profile of global is put. */
  readonly profileFolder?: string | undefined
}

export interface SustainedReport {
  readonly sizes: SustainedSizes
  readonly offered: number
  readonly offeredPerSecond: number
  /** Rows that global wrote, while it was offered to it and until all was everywhere. */
  readonly committed: number
  readonly committedPerSecond: number
  /** Overtaken by a newer version before they were committed. */
  readonly coalesced: number
  readonly commits: number
  /** Rows of each listener, the fewest and the most, and the fewest a second. */
  readonly told: { readonly least: number; readonly most: number; readonly leastPerSecond: number }
  /** Age of what listeners took, when they took it. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly most: number }
  /** From the last change until every listener had the newest of all. */
  readonly caughtUpMs: number
  readonly memoryMiB: { readonly before: number; readonly middle: number; readonly end: number; readonly most: number }
  /** CPU time for each committed row, µs. */
  readonly cpuMicros: { readonly global: number; readonly postgres: number }
  /** Of one core each, while it was offered and until all was everywhere. */
  readonly cores: {
    readonly global: number
    readonly postgres: number
    readonly writer: number
    readonly listeners: number
  }
  /** What has no place in this: listeners that differ in the end, refusals, proofs that did not agree, sessions beyond the first. */
  readonly differing: number
  readonly refused: number
  readonly divergences: number
  readonly reconnects: number
  /** The same bytes over one bare stream, and the same rows by bare bulk SQL in as many transactions. */
  readonly bare: { readonly streamMs: number; readonly rowsMs: number; readonly rowsPerSecond: number }
  readonly lastedMs: number
}

const zonesProgram = fileURLToPath(new URL('../../dist/sustained/zones.js', import.meta.url))
const profileProgram = new URL('../../dist/sustained/profile.js', import.meta.url).href
const memoryEveryMs = 250

/**
 * One zone changes its services faster than most meshes ever will, for a while, and all others are told. Global is a process of
 * its own on a real database; zones are stubs over real sockets in two processes.
 */
export async function sustained(
  fresh: FreshDatabase,
  sizes: SustainedSizes,
  progress: (what: string) => void,
  interruptedBy: AbortSignal,
): Promise<SustainedReport> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sustained-'))
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, interruptedBy])
  const closers: (() => Promise<unknown>)[] = []
  try {
    const { url } = await fresh()
    const flags = ['--kds-tls', 'off', '--allow-unauthenticated-zone', '*', '--gui', 'off']
    const global = new ControlPlane({
      ...{ name: 'global', role: 'global', databaseUrl: url, folder, flags, signal, startTimeoutMs: 120_000 },
      ...(sizes.profileFolder === undefined
        ? {}
        : { env: { NODE_OPTIONS: `--import=${profileProgram}`, HOLDFAST_BENCH_PROFILE: sizes.profileFolder } }),
    })
    closers.push(() => global.stop())
    await global.start()
    const pid = pidOf(global)
    const address = `grpc://127.0.0.1:${global.ports.kds}`
    const zones = (role: string, count: number): ChildProcess => {
      const child = fork(zonesProgram, [role, address, String(count)], { execArgv: [] })
      closers.push(async () => child.kill('SIGKILL'))
      return child
    }
    const writer = zones('writer', 1)
    const { services: count } = await order<Filled>(writer, { do: 'fill', count: sizes.services }, signal)
    progress(`${count} services have addresses`)
    const listeners = zones('listeners', sizes.listeners)
    await order(listeners, { do: 'join', count }, signal)
    await order<Counted>(listeners, { do: 'count' }, signal)
    progress(`${sizes.listeners} zones have all of them`)

    const client = new pg.Client({ connectionString: url })
    await client.connect()
    closers.unshift(() => client.end())
    const postgres = await postgresCpu(client)
    const cpu = () => ({
      global: cpuSeconds(pid),
      postgres: postgres(),
      writer: cpuSeconds(writer.pid ?? 0),
      listeners: cpuSeconds(listeners.pid ?? 0),
    })
    const [before, cpuBefore, headBefore] = [await metrics(global), cpu(), await headOf(client)]
    const memory = [residentMiB(pid)]
    const timer = setInterval(() => memory.push(residentMiB(pid)), memoryEveryMs)
    closers.unshift(async () => clearInterval(timer))
    if (sizes.profileFolder !== undefined) global.send('SIGUSR2')
    const startedMs = performance.now()
    const { seconds, perSecond, repeating } = sizes
    const offers = await order<Offers>(writer, { do: 'offer', seconds, perSecond, repeating }, signal)
    const committedWhile = change(await metrics(global), before, 'written', 'up')
    const middle = await order<Counted>(listeners, { do: 'count' }, signal)
    const compared = await order<Compared>(listeners, { do: 'compare', steps: offers.steps }, signal)
    const lastedMs = performance.now() - startedMs
    clearInterval(timer)
    const [after, cpuAfter, headAfter] = [await metrics(global), cpu(), await headOf(client)]
    const rest = await order<Counted>(listeners, { do: 'count' }, signal)

    const committed = change(after, before, 'written', 'up')
    const commits = headAfter - headBefore
    const told = middle.received.map((received, i) => received + (rest.received[i] ?? 0))
    const lagMs = [...middle.lagMs, ...rest.lagMs].sort((a, b) => a - b)
    const spent = (of: keyof typeof cpuAfter): number => cpuAfter[of] - cpuBefore[of]
    const cores = (of: keyof typeof cpuAfter): number => spent(of) / (lastedMs / 1_000)
    progress('the same with bare SQL and a bare stream')
    // Nobody else is at that database, and nobody at those processors.
    for (const child of [writer, listeners]) child.kill('SIGKILL')
    await global.stop()
    const bytes = change(after, before, 'sent', 'bytes')
    const streamMs = await bareStreamMs(Math.max(1, bytes), Math.max(1, commits * sizes.listeners))
    const rows = await updateRows(client, { rows: committed, each: Math.max(1, Math.round(committed / commits)) })
    return {
      sizes,
      offered: offers.offered,
      offeredPerSecond: (1_000 * offers.offered) / offers.lastedMs,
      committed,
      committedPerSecond: (1_000 * committedWhile) / offers.lastedMs,
      coalesced: offers.offered - committed,
      commits,
      told: {
        least: Math.min(...told),
        most: Math.max(...told),
        leastPerSecond: (1_000 * Math.min(...middle.received)) / offers.lastedMs,
      },
      lagMs: { p50: at(lagMs, 0.5), p99: at(lagMs, 0.99), most: at(lagMs, 1) },
      caughtUpMs: compared.tookMs,
      memoryMiB: {
        before: memory[0] ?? 0,
        middle: memory[Math.floor(memory.length / 2)] ?? 0,
        end: memory.at(-1) ?? 0,
        most: Math.max(...memory),
      },
      cpuMicros: { global: (1e6 * spent('global')) / committed, postgres: (1e6 * spent('postgres')) / committed },
      cores: {
        ...{ global: cores('global'), postgres: cores('postgres') },
        ...{ writer: cores('writer'), listeners: cores('listeners') },
      },
      differing: compared.differing,
      refused: change(after, before, 'refused', 'up') + change(after, before, 'refused', 'down'),
      divergences: after.divergences - before.divergences,
      reconnects: after.opened - before.opened,
      bare: { streamMs, rowsMs: rows.elapsedMs, rowsPerSecond: (1_000 * rows.rows) / rows.elapsedMs },
      lastedMs,
    }
  } finally {
    done.abort()
    for (const close of closers.reverse()) await close().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

const pidOf = ({ name, pid }: ControlPlane): number => {
  if (pid === undefined) throw new Error(`${name} does not run`)
  return pid
}

interface Metrics {
  readonly counts: ReadonlyMap<string, number>
  readonly divergences: number
  readonly opened: number
}

const change = (after: Metrics, before: Metrics, event: string, channel: string): number =>
  (after.counts.get(`${event} ${channel}`) ?? 0) - (before.counts.get(`${event} ${channel}`) ?? 0)

/** What global counts of its sessions, over all peers. */
async function metrics(plane: ControlPlane): Promise<Metrics> {
  const response = await fetch(`http://127.0.0.1:${plane.ports.diagnostics}/metrics`)
  const counts = new Map<string, number>()
  let [divergences, opened] = [0, 0]
  for (const line of (await response.text()).split('\n')) {
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(line)?.[1] ?? ''
    const add = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + value)
    if (line.startsWith('holdfast_kds_resources_total{')) add(`${label('event')} ${label('channel')}`)
    else if (line.startsWith('holdfast_kds_payload_bytes_total{')) add(`${label('direction')} bytes`)
    else if (line.startsWith('holdfast_kds_divergences_total{')) divergences += value
    else if (line.startsWith('holdfast_kds_sessions_total{') && label('event') === 'opened') opened += value
  }
  return { counts, divergences, opened }
}

async function headOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ revision: string }>('select revision from store_head')
  return Number(rows[0]?.revision)
}

function order<T>(child: ChildProcess, what: Order, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off('exit', ended)
      child.off('message', told)
      signal.removeEventListener('abort', aborted)
      act()
    }
    const ended = (status: number | null): void =>
      settle(() => reject(new Error(`the stub zones ended with status ${status}`)))
    const told = (said: unknown): void => settle(() => resolve(said as T))
    const aborted = (): void => settle(() => reject(signal.reason))
    child.once('exit', ended)
    child.once('message', told)
    signal.addEventListener('abort', aborted)
    child.send(what)
  })
}
