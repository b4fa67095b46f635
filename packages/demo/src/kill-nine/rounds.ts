import {
  broken,
  type ControlPlane,
  holdfastctl,
  joinFlags,
  unlike,
  until,
  type View,
  VipMemory,
  viewOf,
  Writer,
} from '@holdfast/testkit'
import type { Stage } from '../stage.js'

export interface KillNineReport {
  readonly kills: Readonly<Record<string, number>>
  readonly writesAcknowledged: number
  /** Attempts that a kill left without an answer; each was said again. */
  readonly writesUnanswered: number
  /** Acknowledged writes that are not there, anywhere, after every kill. */
  readonly lost: number
  readonly vipsMoved: number
  readonly vipsDiffering: number
  readonly ok: boolean
}

export interface KillNineOptions {
  /** How often each of global, east and west is killed. */
  readonly times: number
  /** Writes of each control plane around every kill. */
  readonly writes: number
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

const withinMs = 30_000

/**
 * Kills each control plane with SIGKILL in the middle of writes on all three, again and again. After every kill all of
 * them have to come to the same, with everything that was acknowledged and no VIP where another one was.
 */
export async function killNine(stage: Stage, options: KillNineOptions): Promise<KillNineReport> {
  const { signal, say, times, writes } = options
  const planes = await startMesh(stage, signal)
  const writers = planes.map((plane) => new Writer(plane, signal))
  const memory = new VipMemory()
  let lost: readonly string[] = []
  let differing: readonly string[] = []
  for (let round = 0; round < times * planes.length && lost.length + differing.length === 0; round++) {
    const victim = planes[round % planes.length]
    if (victim === undefined) break
    // Another moment of the burst each time.
    const killAfter = 1 + ((round * 7) % (writes - 1))
    await killDuring(victim, killAfter, writers, writes)
    const views = await settled(planes, writers, signal)
    memory.note(views)
    lost = [...views].flatMap(([plane, view]) => broken(plane, view, writers))
    differing = unlike(views)
    say(
      `${victim.name} killed after ${killAfter} of ${writes} writes: ${views.get('global')?.size ?? 0} services everywhere`,
    )
  }
  for (const text of [...lost, ...differing, ...memory.moved]) say(`NOT TRUE: ${text}`)
  const [global] = planes
  if (global !== undefined && lost.length + differing.length === 0)
    await holdfastctl(global.apiUrl, ['vip', 'verify'], { signal })
  return {
    kills: Object.fromEntries(planes.map(({ name }) => [name, times])),
    writesAcknowledged: writers.reduce((sum, writer) => sum + writer.acknowledged, 0),
    writesUnanswered: writers.reduce((sum, writer) => sum + writer.unanswered, 0),
    lost: lost.length,
    vipsMoved: memory.moved.length,
    vipsDiffering: differing.length,
    ok: lost.length + differing.length + memory.moved.length === 0,
  }
}

async function startMesh(stage: Stage, signal: AbortSignal): Promise<readonly ControlPlane[]> {
  const urls = await stage.database(['global', 'east', 'west'])
  const url = (name: string): string => urls.get(name) ?? ''
  const global = await stage.controlPlane('global', 'global', url('global'), [])
  const way = { port: global.ports.kds ?? 0, folder: stage.folder, signal }
  const zones = await Promise.all(
    ['east', 'west'].map(async (name) =>
      stage.controlPlane(name, 'zone', url(name), await joinFlags(global, name, way)),
    ),
  )
  return [global, ...zones]
}

/** All write; the victim is killed after so many acknowledged writes of its own, and started again at once. */
async function killDuring(
  victim: ControlPlane,
  killAfter: number,
  writers: readonly Writer[],
  writes: number,
): Promise<void> {
  let restarted: Promise<void> | undefined
  const bursts = writers.map((writer) =>
    writer.burst(writes, (soFar) => {
      if (writer.plane === victim && soFar === killAfter) restarted = victim.kill().then(() => victim.start())
    }),
  )
  await Promise.all(bursts)
  await restarted
}

/** What all say when they agree and have everything; what they say at the bound if they never do. */
async function settled(
  planes: readonly ControlPlane[],
  writers: readonly Writer[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, View>> {
  let views: ReadonlyMap<string, View> = new Map()
  const look = async (): Promise<boolean> => {
    views = new Map(await Promise.all(planes.map(async (plane) => [plane.name, await viewOf(plane)] as const)))
    return unlike(views).length === 0 && [...views].every(([plane, view]) => broken(plane, view, writers).length === 0)
  }
  await until(look, { what: 'all control planes to agree', withinMs, signal }).catch(() => signal.throwIfAborted())
  return views
}
