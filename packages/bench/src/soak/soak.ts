import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type GlobalPlane, startGlobal } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { disturb, meshPut } from './disturb.js'
import { type Paced, paced } from './pace.js'
import type { Order, Told } from './stubs.js'
import { watchTimers } from './timers.js'
import { growth, leftOver, type Usage, usage, usageAtRest } from './usage.js'

export interface SoakSizes {
  readonly zones: number
  /** Connections made and ended, after as many to warm up. */
  readonly cycles: number
  /** Zones deleted, made again, disabled and enabled while they come and go; after as long to warm up. */
  readonly churnSeconds: number
  /** What each zone has when the churn begins, a tenth of it in a mesh that is deleted and made again. */
  readonly services?: number | undefined
  readonly operationsPerSecond?: number | undefined
  /** Says who armed each timer that is left; costs a look at the stack for each, and much of the time. */
  readonly nameTimers?: boolean | undefined
}

export interface SoakResult {
  readonly what: 'cycles' | 'churn'
  readonly before: Usage
  readonly after: Usage
  readonly growth: number
  readonly leftOver: readonly string[]
  readonly sessions: number
  readonly operations: Paced
  readonly rejections: number
  /** Addresses at global that are active although their zone is deleted. */
  readonly strayAddresses: number
  /** Services at global in the end. */
  readonly services: number
}

const stubsProgram = fileURLToPath(new URL('../../dist/soak/stubs.js', import.meta.url))
const noOperations: Paced = { done: 0, idle: 0, perSecond: 0, medianMs: 0, slowestMs: 0 }

/** What global has left when all zones have gone again. */
export async function soak(
  fresh: FreshDatabase,
  sizes: SoakSizes,
  progress: (what: string) => void,
): Promise<readonly SoakResult[]> {
  const timers = sizes.nameTimers === true ? watchTimers() : undefined
  const global = await startGlobal({ fresh, countRows: false })
  let rejections = 0
  const count = (): void => {
    rejections++
  }
  process.on('unhandledRejection', count)
  const stubs = fork(stubsProgram, [String(global.port), String(sizes.zones), String(sizes.services ?? 0)], {
    execArgv: ['--max-old-space-size=8192'],
  })
  const ended = new Promise<void>((resolve) => stubs.once('exit', () => resolve()))
  try {
    const results: SoakResult[] = []
    const measure = async (what: SoakResult['what'], warmUp: Order, order: Order): Promise<void> => {
      progress(`${what}: warming up`)
      await run(stubs, global, warmUp, sizes.operationsPerSecond)
      const before = await settled(global, () => usage(timers))
      progress(`${what}: measuring`)
      const { told, operations } = await run(stubs, global, order, sizes.operationsPerSecond)
      const after = await settled(global, () => usageAtRest(before, timers))
      results.push({
        ...{ what, before, after, operations },
        ...(await kept(global)),
        growth: growth(before, after),
        leftOver: leftOver(before, after),
        sessions: told.sessions,
        rejections: rejections + told.rejections,
      })
    }
    const { cycles, churnSeconds } = sizes
    await measure('cycles', { do: 'cycles', count: cycles }, { do: 'cycles', count: cycles })
    await global.store.local.apply(
      { changes: [meshPut], atomic: true, actor: 'soak' },
      { signal: AbortSignal.timeout(30_000) },
    )
    await run(stubs, global, { do: 'fill' })
    await measure('churn', { do: 'churn', seconds: churnSeconds }, { do: 'churn', seconds: churnSeconds })
    await run(stubs, global, { do: 'stop' })
    await ended
    return results
  } finally {
    stubs.kill('SIGKILL')
    await ended
    process.off('unhandledRejection', count)
    await global.close()
    timers?.stop()
  }
}

/** More than there are connections to the database, so that all of them stand, before as after. */
const readsAtOnce = 50

async function settled(global: GlobalPlane, look: () => Promise<Usage>): Promise<Usage> {
  await until('global to have no session', () => global.runtime.views().length === 0)
  await Promise.all(Array.from({ length: readsAtOnce }, () => global.store.read.counts()))
  return look()
}

/** What is left at global of zones that are deleted: their services go with them, and their addresses rest. */
async function kept({ store }: GlobalPlane): Promise<Pick<SoakResult, 'strayAddresses' | 'services'>> {
  const { items } = await store.read.list({ type: 'Zone', offset: 0, limit: 1_000 })
  const living = new Set(items.map(({ name }) => name))
  let strayAddresses = 0
  for (let after: string | undefined; ; ) {
    const page = await store.vip.ledger({ includeTombstoned: false, after, limit: 1_000 })
    strayAddresses += page.items.filter(({ origin }) => origin !== '' && !living.has(origin)).length
    if (page.next === undefined) break
    after = page.next
  }
  const { resources } = await store.read.counts()
  const services = resources.reduce((sum, { type, count }) => sum + (type === 'MeshService' ? count : 0), 0)
  return { strayAddresses, services }
}

async function run(
  stubs: ChildProcess,
  global: GlobalPlane,
  order: Order,
  operationsPerSecond = 50,
): Promise<{ readonly told: Told; readonly operations: Paced }> {
  let done = false
  const told = new Promise<Told>((resolve, reject) => {
    stubs.once('message', (message) => resolve(message as Told))
    stubs.once('exit', (status) => reject(new Error(`the stub zones ended with status ${status}`)))
  }).finally(() => {
    done = true
    stubs.removeAllListeners('message')
  })
  stubs.send(order)
  const disturbed =
    order.do === 'churn'
      ? paced(
          operationsPerSecond,
          () => !done,
          (n) => disturb(global.store, n),
        )
      : noOperations
  const [said, operations] = await Promise.all([told, disturbed])
  return { told: said, operations }
}
