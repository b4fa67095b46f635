import type { KumaResourceParts } from '@holdfast/model'
import { createLevel, type Level } from '../level.js'
import { OwnObjects } from './own-objects.js'
import { type FakeKumaMemory, type FakeKumaZone, type FakeKumaZoneOptions, startFakeKumaZone } from './zone.js'

export interface FakeKumaLivesOptions extends Omit<FakeKumaZoneOptions, 'remembers'> {
  /** Waits for as long as a real one would, or as a test says. */
  readonly wait: (ms: number) => Promise<void>
  /** From 0 to 1, where in its spread a wait lies; the middle unless said otherwise. */
  readonly chance?: (() => number) | undefined
}

/** A stock Kuma zone that dials again when its connection ends, as long as it is not stopped. It keeps what it has. */
export interface FakeKumaLives {
  put(type: string, parts: KumaResourceParts): void
  /** The connection of now, or the one that ended last. */
  now(): FakeKumaZone
  /** Each wait so far, in ms. */
  waitsMs(): readonly number[]
  /** What first lists took from it, in all of its lives. */
  lost(): readonly string[]
  until: Level['until']
  stop(): void
}

const baseMs = 5_000
const maxMs = 60_000

/**
 * How long a real zone waits after its nth connection in a row that did not last: 5 s, doubled each time up to a minute,
 * and up to 5 s more or less by chance.
 */
export const kumaBackoffMs = (nth: number, chance: number): number =>
  Math.max(0, Math.min(maxMs, baseMs * 2 ** (nth - 1)) + (chance * 2 - 1) * baseMs)

export function startFakeKumaLives(options: FakeKumaLivesOptions): FakeKumaLives {
  const { wait, chance = () => 0.5, ...zone } = options
  const level = createLevel()
  const remembers: FakeKumaMemory = { own: new OwnObjects(), held: new Map() }
  const lives: FakeKumaZone[] = []
  const waits: number[] = []
  let stopped = false
  let inARow = 0

  const live = async (): Promise<void> => {
    while (!stopped) {
      const startMs = performance.now()
      const life = startFakeKumaZone({ ...zone, remembers })
      lives.push(life)
      level.changed()
      await life.until(() => life.ended() !== undefined)
      if (stopped) return
      // A run that lasted longer than its longest wait begins anew.
      inARow = performance.now() - startMs > maxMs ? 1 : inARow + 1
      const ms = kumaBackoffMs(inARow, chance())
      waits.push(ms)
      level.changed()
      await wait(ms)
    }
  }
  void live()

  const now = (): FakeKumaZone => {
    const life = lives.at(-1)
    if (life === undefined) throw new Error('it has not dialled yet')
    return life
  }
  return {
    put: (type, parts) => now().put(type, parts),
    now,
    waitsMs: () => waits,
    lost: () => lives.flatMap((life) => life.lost()),
    until: level.until,
    stop() {
      stopped = true
      now().stop()
    },
  }
}
