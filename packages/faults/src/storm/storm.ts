import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@holdfast/testkit'
import { Cluster } from '../stand/cluster.js'
import { ask } from '../stand/plane.js'
import { Stand, twoAndTwo } from '../stand/stand.js'
import { Watch } from '../watch/watch.js'
import { planStorm, type StormFault } from './plan.js'
import { grown, type Usage, usageOf } from './usage.js'
import { wreak } from './wreak.js'

export interface StormOptions {
  readonly seed: number
  readonly minutes: number
  readonly changesPerSecond: number
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

export interface StormReport {
  readonly seed: number
  readonly minutes: number
  readonly faults: Readonly<Record<string, number>>
  readonly acknowledged: number
  readonly unanswered: number
  readonly answers: number
  readonly addresses: number
  /** Lost or returned services, addresses that moved or have another owner, wrong answers, what has grown: in words. */
  readonly violations: readonly string[]
  readonly settledMs: number
  readonly usage: Readonly<Record<string, { readonly before: Usage; readonly after: Usage }>>
}

const zones = ['alpha', 'bravo', 'charlie', 'delta', 'echo']
const globals = 3
const settleTimeoutMs = 600_000
/** What a process has let go of is seen after the next collection and the next round of whatever runs by the clock. */
const quietMs = 30_000

/** Faults drawn by a seed, two at a time, over three globals and five zones that change what they have. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const { seed, minutes, changesPerSecond, signal, say } = options
  const planned = planStorm({ seed, ms: minutes * 60_000, globals, zones })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-storm-'))
  const clusters = { global: new Cluster('global', folder, signal), zones: new Cluster('zones', folder, signal) }
  const previous = () => Promise.reject(new Error('a storm needs no version of before'))
  let stand: Stand | undefined
  let watch: Watch | undefined
  try {
    await Promise.all([clusters.global.start(), clusters.zones.start()])
    stand = await Stand.open({ ...twoAndTwo, globals, zones }, { clusters, signal, previous })
    watch = await Watch.start(stand, { changesPerSecond })
    await churned(watch, signal)
    const before = await usages(stand)
    say(`${globals} globals and ${zones.length} zones are in step; ${planned.length} faults in ${minutes} min`)
    watch.pace.go()
    await wreakAll(stand, planned, options)
    await watch.pace.rest()
    say('the storm is over')
    const startedMs = performance.now()
    const unsettled = await watch.settle(settleTimeoutMs).then(
      () => [],
      (error: unknown) => [(error as Error).message],
    )
    const settledMs = Math.round(performance.now() - startedMs)
    await pause(quietMs, signal)
    const after = await usages(stand)
    const verified = await ask<{ agree: boolean; complete: boolean; disagreements: unknown[] }>(
      stand.global(),
      'GET',
      '/_holdfast/vips/verify',
    )
    const clients = [...watch.clients]
    return {
      ...{ seed, minutes, settledMs },
      faults: counted(planned),
      acknowledged: watch.pace.acknowledged,
      unanswered: watch.pace.unanswered,
      answers: clients.reduce((sum, [, client]) => sum + client.counts.answered, 0),
      addresses: watch.memory.addresses,
      violations: [
        ...unsettled,
        ...watch.memory.moved,
        ...watch.memory.reused,
        ...clients.flatMap(([zone, client]) => client.wrong.map((words) => `in ${zone}: ${words}`)),
        ...(verified.agree && verified.complete ? [] : [`vip verify: ${JSON.stringify(verified).slice(0, 400)}`]),
        ...[...after].flatMap(([name, usage]) => grown(name, before.get(name) ?? usage, usage)),
      ],
      usage: Object.fromEntries([...after].map(([name, is]) => [name, { before: before.get(name) ?? is, after: is }])),
    }
  } finally {
    await watch?.close()
    await stand?.close()
    await Promise.allSettled([clusters.global.stop(), clusters.zones.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Everything that is made once a process works is there before it is weighed. */
async function churned(watch: Watch, signal: AbortSignal): Promise<void> {
  const wanted = watch.pace.acknowledged + 300
  watch.pace.go()
  await until(() => watch.pace.acknowledged >= wanted, { what: '300 changes', withinMs: settleTimeoutMs, signal })
  await watch.pace.rest()
  await watch.settle(settleTimeoutMs)
}

/** On a busy machine what a fault has broken may take longer to be back than was planned: then the next one waits. */
async function wreakAll(stand: Stand, planned: readonly StormFault[], options: StormOptions): Promise<void> {
  const { signal, say } = options
  const startedMs = performance.now()
  const undone = new Map<string | number, Promise<void>>()
  const inTurn = async (fault: StormFault, before: readonly (Promise<void> | undefined)[]): Promise<void> => {
    await pause(startedMs + fault.atMs - performance.now(), signal)
    await Promise.all(before)
    const beganMs = performance.now()
    say(`${((beganMs - startedMs) / 1000).toFixed(1)} s: ${fault.kind} ${fault.target} for ${fault.lastsMs} ms`)
    await wreak(stand, fault, () => pause(beganMs + fault.lastsMs - performance.now(), signal))
  }
  await Promise.all(
    planned.map((fault) => {
      const { lane, target } = fault
      const turn = inTurn(fault, [undone.get(lane), undone.get(target)])
      undone.set(lane, turn)
      undone.set(target, turn)
      return turn
    }),
  )
}

async function usages(stand: Stand): Promise<ReadonlyMap<string, Usage>> {
  return new Map(await Promise.all(stand.planes.map(async (plane) => [plane.name, await usageOf(plane)] as const)))
}

function counted(planned: readonly StormFault[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { kind } of planned) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  const endMs = performance.now() + ms
  await until(() => performance.now() >= endMs, { what: 'the clock', withinMs: ms + 60_000, signal })
}
