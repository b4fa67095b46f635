import { asks, type Row, type Seen } from '../row.js'
import { ask, type Plane, readinessOf } from '../stand/plane.js'
import { type Stand, twoAndTwo } from '../stand/stand.js'
import type { Turn } from '../turn.js'

interface Recovery {
  readonly state: string
  readonly waits: readonly { readonly what: string; readonly next: string }[]
}

const recoveryOf = (global: Plane): Promise<Recovery> => ask<Recovery>(global, 'GET', '/_holdfast/recovery')

interface Hold {
  readonly id: string
  readonly type: string
  readonly resources: number
}

const holdsOf = async (plane: Plane): Promise<readonly Hold[]> =>
  (await ask<{ readonly items: readonly Hold[] }>(plane, 'GET', '/_holdfast/holds')).items

interface Recovered {
  /** Resources that were held until the operator decided. */
  readonly held: number
  /** Hubs that could not tell what the recovery waits for, in their words. */
  readonly unable: readonly string[]
}

const isForOperator = ({ next }: { readonly next: string }): boolean => /from-zone|finish/.test(next)

/** What docs/recovery.md asks of an operator: take back from each zone what the hub owned, then decide on what is held. */
async function recovered(turn: Turn, stand: Stand): Promise<Recovered> {
  let informed: Plane | undefined
  const said = new Map<string, string>()
  await turn.until('the recovery to have heard everybody', async () => {
    for (const global of stand.globals) {
      const { state, waits } = await recoveryOf(global)
      if (state === 'ready') return true
      said.set(global.name, waits.map(({ what, next }) => `${what} (${next})`).join('; '))
      if (waits.length > 0 && waits.every(isForOperator)) informed = global
    }
    return informed !== undefined
  })
  const unable = [...said].filter(([name]) => informed !== undefined && name !== informed.name)
  const asked = informed
  // A zone whose session has just ended, to compare anew, cannot say anything: an operator is told so and asks again.
  if (asked !== undefined)
    for (const zone of stand.zones)
      await turn.until(`${zone.name} to say what it remembers`, async () => {
        if ((await recoveryOf(asked)).state === 'recovering')
          await ask(asked, 'POST', '/_holdfast/recovery/from-zone', { zone: zone.name, apply: true })
        return true
      })
  await turn.until('the recovery to end', async () => (await recoveryOf(stand.global())).state === 'ready')
  await stand.inStep()
  let held = 0
  for (const plane of stand.planes)
    for (const hold of await holdsOf(plane)) {
      held += hold.resources
      await ask(plane, 'POST', `/_holdfast/holds/${hold.id}/approve`)
    }
  return {
    held,
    unable: unable.map(([name, words]) => `${name} said of the recovery: ${words || 'nothing'}`.slice(0, 160)),
  }
}

/** Changes everywhere until this many more are acknowledged. */
async function written(turn: Turn, changes: number): Promise<void> {
  const { pace } = turn.watch
  const wanted = pace.acknowledged + changes
  pace.go()
  await turn.until(`${changes} changes`, () => pace.acknowledged >= wanted)
  await pace.rest()
}

/** The hub's database is as it was before these changes; every zone had them. */
async function putBack(turn: Turn, changes: number): Promise<Seen> {
  const { stand, watch } = turn
  const { global } = stand.clusters
  await watch.pace.rest()
  await watch.settle(180_000)
  const backup = await global.backup()
  await watch.settle(180_000)
  await written(turn, changes)
  await watch.settle(180_000)
  await global.restore(backup)
  let alarm: string | undefined
  await turn.until('the hub to find out', async () => {
    for (const plane of stand.globals) {
      const { ready, words } = await readinessOf(plane)
      if (!ready && /recover|restored|earlier|position|epoch/i.test(words))
        alarm = `${plane.name}: ${words.slice(0, 160)}`
    }
    return alarm !== undefined
  })
  const { held, unable } = await recovered(turn, stand)
  const settledMs = await turn.timed(() => watch.settle(180_000))
  watch.pace.go()
  const everywhereMs = await turn.converged()
  return {
    alarm,
    figures: [
      `${changes} acknowledged changes were taken from the hub`,
      `${held} resources were held until the operator decided`,
      `everybody agreed ${Math.round(settledMs)} ms after`,
      `a change everywhere after ${Math.round(everywhereMs)} ms`,
      ...unable,
    ],
  }
}

export const recoveryRows: readonly Row[] = [
  {
    id: 'F11',
    fault: 'PostgreSQL fails over and 2 s of commits are lost',
    found:
      'a process of the hub without a session said nothing of what the recovery waits for; `packages/global/src/recovery.test.ts`',
    asked: asks('✔_(witness) – held op_ack – Y ✔'),
    shape: twoAndTwo,
    own: true,
    standIn: 'its files are put back to a copy of 2 s before; the zones had stored everything',
    run: (turn) => putBack(turn, 40),
  },
  {
    id: 'F14',
    fault: 'a backup of 24 h before is put back',
    asked: asks('✔ – held op_ack digest_only Y ✔'),
    shape: twoAndTwo,
    own: true,
    standIn: 'its files are put back to a copy of many changes before, deletions among them; no clock is moved',
    run: (turn) => putBack(turn, 300),
  },
]
