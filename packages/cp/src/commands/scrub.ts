import type { Leases } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Scope } from '../lifecycle/scope.js'

export const scrubLease = 'scrub'
const everyMs = 1_000
/** A start has enough to do, and who looks at what a reconnect writes is not shown the scrub instead. */
const firstAfterMs = 60_000
/** A small store is gone through in a second; once in five minutes is enough. */
const roundEveryMs = 5 * 60_000

export interface ScrubbingOptions {
  readonly store: ControlPlaneStore
  readonly leases: Leases
  readonly registry: Registry
  readonly log: Logger
  readonly scope: Scope
  readonly signal: AbortSignal
  /** 0: off. */
  readonly rowsPerSecond: number
}

/**
 * Goes through the store again and again at a steady pace, and tells what it finds; one process of a
 * database does.
 */
export function keepScrubbing({ store, leases, registry, log, scope, signal, rowsPerSecond }: ScrubbingOptions): void {
  const metrics = scrubMetrics(registry, store)
  if (rowsPerSecond === 0) {
    log.warn('the scrub is off: what rots without a write is found by nobody')
    return
  }
  let step: Promise<void> | undefined
  const firstAtMs = performance.now() + firstAfterMs
  const timer = setInterval(() => {
    const lease = leases.held(scrubLease)
    if (step !== undefined || signal.aborted || lease === undefined || performance.now() < firstAtMs) return
    step = store
      .scrub({ rows: rowsPerSecond, everyMs: everyMs - 100, roundEveryMs, lease })
      .then(({ rows, found, roundEnded }) => {
        metrics.rows.inc(rows)
        if (roundEnded) metrics.rounds.inc()
        for (const { subject, problem, outcome } of found) {
          metrics.findings.inc({ outcome })
          log[outcome === 'alarm' ? 'error' : 'warn']({ subject, outcome }, `scrub: ${subject}: ${problem}`)
        }
      })
      .catch((error: unknown) => log.warn({ err: error }, 'a step of the scrub failed; trying again'))
      .finally(() => {
        step = undefined
      })
  }, everyMs)
  scope.own('scrub', async () => {
    clearInterval(timer)
    await step
  })
}

function scrubMetrics(registry: Registry, store: ControlPlaneStore) {
  const registers = [registry]
  new Gauge({
    name: 'holdfast_scrub_open_findings',
    help: 'What the scrub has found and no later round has found whole again, by what came of it',
    labelNames: ['outcome'],
    registers,
    async collect() {
      const { findings } = await store.read.scrub()
      for (const outcome of ['asked', 'mended', 'alarm'] as const)
        this.set({ outcome }, findings.filter((finding) => finding.outcome === outcome).length)
    },
  })
  return {
    rows: new Counter({ name: 'holdfast_scrub_rows_total', help: 'Rows that this process has scrubbed', registers }),
    rounds: new Counter({
      name: 'holdfast_scrub_rounds_total',
      help: 'Whole rounds that this process has ended',
      registers,
    }),
    findings: new Counter({
      name: 'holdfast_scrub_findings_total',
      help: 'Rows, sums and addresses that were not as they should be: asked of their origin, mended here, or an alarm',
      labelNames: ['outcome'],
      registers,
    }),
  }
}
