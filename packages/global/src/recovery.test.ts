import { type SessionHandle, sessionMetrics } from '@holdfast/peer'
import type { RecoveryItem, WitnessRow, ZoneRow } from '@holdfast/store'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Recovery, type RecoveryOptions } from './recovery.js'

const item: RecoveryItem = {
  ...{ action: 'create', type: 'Mesh', mesh: '', name: 'shop', origin: '', witness: 'west', reason: '' },
  ...{ addresses: [], conflicts: [] },
}

/** The database that the processes of one global share. */
class Shared {
  state: 'recovering' | 'ready' = 'recovering'
  readonly finished: string[] = []
  /** Zones that hold a lease. */
  leases: readonly string[] = ['east', 'west']
  met: readonly ZoneRow[] = []
  /** What each zone remembers otherwise than it is here. */
  readonly remembered = new Map<string, readonly RecoveryItem[]>()
  readonly seen = new Map<string, WitnessRow>()
  /** Whether that was lately. */
  seenNow = true

  get store(): RecoveryOptions['store'] {
    const page = <T>(items: readonly T[]) => ({ items, total: items.length })
    return {
      status: async () => ({ state: this.state, identity: { storeId: 'global' } }),
      finishRecovery: async (_: string, actor: string) => {
        this.finished.push(actor)
        this.state = 'ready'
      },
      vip: {
        blocks: async () => [
          ...this.leases.map((owner) => ({ owner, storeId: `${owner}'s` })),
          ...['', 'legacy'].map((owner) => ({ owner, storeId: 'global' })),
        ],
      },
      sessions: { zones: async () => this.met },
      read: { list: async () => page(['east', 'west', 'legacy'].map((name) => ({ name }))) },
      recovery: {
        recover: async ({ testimonies }: { testimonies: readonly { witness: { zone: string } }[] }) =>
          testimonies.flatMap(({ witness }) => this.remembered.get(witness.zone) ?? []),
        noteWitnesses: async (rows: readonly WitnessRow[]) => {
          for (const row of rows) this.seen.set(row.zone, row)
        },
        witnesses: async (withinMs: number) => (this.seenNow || withinMs > 60_000 ? [...this.seen.values()] : []),
      },
    } as unknown as RecoveryOptions['store']
  }
}

const answers: Readonly<Record<string, unknown>> = {
  witness: { storeId: 'store', state: 'ready', cursor: null },
  remembered: { items: [], next: null },
}

/** One process of global with the zones that are connected to it. */
class Process {
  readonly registry = new Registry()
  readonly heard = new Set<string>()
  ready = 0
  readonly recovery: Recovery
  #zones: readonly string[]

  constructor(shared: Shared, ...zones: readonly string[]) {
    this.#zones = zones
    for (const zone of zones) this.heard.add(zone)
    this.recovery = new Recovery({
      store: shared.store,
      sessions: () => this.#zones.map((zone) => this.#session(shared, zone)),
      witnesses: {
        wasHeard: (session) => this.heard.has(session.peer),
        conflicts: () => [],
        conflictsOf: () => [],
      },
      metrics: sessionMetrics(this.registry),
      log: pino({ level: 'silent' }),
      onReady: () => void this.ready++,
    })
  }

  leave(): void {
    this.#zones = []
  }

  async gauges(): Promise<readonly unknown[]> {
    const value = async (name: string) => (await this.registry.getSingleMetric(name)?.get())?.values[0]?.value
    return [await value('holdfast_recovering'), await value('holdfast_recovery_waits')]
  }

  #session(shared: Shared, peer: string): SessionHandle {
    const channels = [
      { channel: 'up', inStep: true },
      { channel: 'status', inStep: true },
    ]
    return {
      peer,
      view: () => ({ extension: true, ownState: shared.state, channels }),
      ask: async (question: string) => JSON.stringify(answers[question]),
    } as unknown as SessionHandle
  }
}

const reasons = (process: Process): readonly string[] => process.recovery.waits().map(({ what }) => what)

test('a recovery ends by itself although its zones are spread over several processes', async () => {
  const shared = new Shared()
  const [a, b] = [new Process(shared, 'east'), new Process(shared, 'west')]
  await a.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('zone west is not back')])
  expect(await a.gauges()).toEqual([1, 1])
  await b.recovery.look()
  // The other one has seen that all are back only now, and has not asked its zones.
  expect(reasons(b)).toEqual([expect.stringContaining('has not asked its zones yet')])
  expect(shared.finished).toEqual([])
  await a.recovery.look()
  expect(shared.finished).toEqual(['holdfast'])
  await b.recovery.look()
  expect([a.ready, b.ready, reasons(a), reasons(b)]).toEqual([1, 1, [], []])
  expect([await a.gauges(), await b.gauges()]).toEqual([
    [0, 0],
    [0, 0],
  ])
  for (const process of [a, b]) await process.recovery.close()
})

test('EMPTY: what the zones of another process remember otherwise keeps a recovery from ending, and is named here', async () => {
  const shared = new Shared()
  shared.remembered.set('west', [item])
  const [a, b] = [new Process(shared, 'east'), new Process(shared, 'west')]
  for (const process of [a, b, a, b]) await process.recovery.look()
  for (const process of [a, b]) expect(reasons(process)).toEqual([expect.stringContaining('create Mesh "shop"')])
  shared.remembered.clear()
  for (const process of [a, b, a]) await process.recovery.look()
  expect(shared.finished).toEqual(['holdfast'])
  for (const process of [a, b]) await process.recovery.close()
})

test('EMPTY: a zone that another process has not heard yet is waited for', async () => {
  const shared = new Shared()
  const [a, b] = [new Process(shared, 'east'), new Process(shared, 'west')]
  b.heard.clear()
  for (const process of [b, a, b, a]) await process.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('zone west has not said yet')])
  // The zone has moved: whoever sees it now counts.
  b.leave()
  shared.seen.delete('west')
  await a.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('zone west is not back')])
  expect(shared.finished).toEqual([])
  for (const process of [a, b]) await process.recovery.close()
})

test('F11: a process without a session finds out that its global recovers, and says what the others wait for', async () => {
  const shared = new Shared()
  shared.remembered.set('west', [item])
  const [alone, a, b] = [new Process(shared), new Process(shared, 'east'), new Process(shared, 'west')]
  for (const process of [a, b, a, b]) await process.recovery.look()
  expect(alone.recovery.waits()).toEqual([])
  for (let i = 0; i < 10; i++) await alone.recovery.look()
  expect(alone.recovery.waits()).toEqual(b.recovery.waits())
  expect(b.recovery.waits().length).toBeGreaterThan(0)
  for (const process of [alone, a, b]) await process.recovery.close()
})

test('a process without a session reads next to nothing while its store is ready', async () => {
  const shared = new Shared()
  shared.state = 'ready'
  let reads = 0
  const counted = {
    ...shared.store,
    status: () => {
      reads++
      return shared.store.status()
    },
  }
  const recovery = new Recovery({
    store: counted,
    sessions: () => [],
    witnesses: { wasHeard: () => false, conflicts: () => [], conflictsOf: () => [] },
    metrics: sessionMetrics(new Registry()),
    log: pino({ level: 'silent' }),
    onReady: () => undefined,
  })
  for (let i = 0; i < 60; i++) await recovery.look()
  await recovery.close()
  expect(reads).toBe(11)
})

test('VIP-3: a zone that lost its store waits for whoever has not been heard, here or at another process, while there is a recovery', async () => {
  const shared = new Shared()
  const [a, b] = [new Process(shared, 'east'), new Process(shared, 'west')]
  expect(await a.recovery.unheardBeside('east')).toEqual(['west'])
  b.heard.clear()
  await b.recovery.look()
  expect(await a.recovery.unheardBeside('east')).toEqual(['west'])
  b.heard.add('west')
  await b.recovery.look()
  a.heard.clear()
  expect(await a.recovery.unheardBeside('east')).toEqual([])
  expect(await a.recovery.unheardBeside('west')).toEqual(['east'])
  shared.state = 'ready'
  expect(await a.recovery.unheardBeside('west')).toEqual([])
  for (const process of [a, b]) await process.recovery.close()
})

test('VIP-2: a zone that nobody here has known before is no witness: the recovery does not end by it alone', async () => {
  const shared = new Shared()
  shared.leases = []
  const a = new Process(shared, 'east')
  await a.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('could say what was lost')])
  // Its memory names the lease of another one, which is waited for.
  shared.leases = ['west']
  await a.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('zone west is not back')])
  expect(shared.finished).toEqual([])
  await a.recovery.close()
})

test('VIP-3: a zone that lost its store waits for one that this global, a new one, has only met: it told of the loss and comes back', async () => {
  const shared = new Shared()
  shared.leases = []
  const a = new Process(shared, 'east')
  const names = async (...met: readonly ZoneRow[]) => {
    shared.met = met
    return a.recovery.unheardBeside('east')
  }
  const west = { name: 'west', storeId: "west's", everInStep: false }
  expect(await names(west)).toEqual(['west'])
  shared.seen.set('west', { zone: 'west', heard: true, inStep: false, conflicts: [] })
  shared.seenNow = false
  expect(await names(west)).toEqual([])
  shared.seen.clear()
  // One that was taken out of service, one that was deleted, and a Kuma zone, which remembers nothing.
  expect(await names({ ...west, decommissionedAtMs: 1 })).toEqual([])
  expect(await names({ ...west, name: 'south' })).toEqual([])
  expect(await names({ ...west, name: 'legacy', storeId: undefined })).toEqual([])
  // Nor does the end of the recovery wait for whoever was never in step.
  shared.met = [west]
  for (let looks = 0; looks < 2; looks++) await a.recovery.look()
  expect(reasons(a)).toEqual([expect.stringContaining('no zone has come back that could say what was lost')])
  await a.recovery.close()
})
