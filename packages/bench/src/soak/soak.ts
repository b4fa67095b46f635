import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { specTypeUrl, typeOf } from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'
import { type GlobalPlane, startGlobal } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import type { Order, Told } from './stubs.js'
import { growth, leftOver, type Usage, usage } from './usage.js'

export interface SoakSizes {
  readonly zones: number
  /** Connections made and ended, after as many to warm up. */
  readonly cycles: number
  /** Zones deleted, made again, disabled and enabled while they come and go; after as long to warm up. */
  readonly churnSeconds: number
}

export interface SoakResult {
  readonly what: 'cycles' | 'churn'
  readonly before: Usage
  readonly after: Usage
  readonly growth: number
  readonly leftOver: readonly string[]
  readonly sessions: number
  readonly operations: number
  readonly rejections: number
}

const stubsProgram = fileURLToPath(new URL('../../dist/soak/stubs.js', import.meta.url))

/** What global has left when all zones have gone again. */
export async function soak(
  fresh: FreshDatabase,
  sizes: SoakSizes,
  progress: (what: string) => void,
): Promise<readonly SoakResult[]> {
  const global = await startGlobal({ fresh, countRows: false })
  let rejections = 0
  const count = (): void => {
    rejections++
  }
  process.on('unhandledRejection', count)
  const stubs = fork(stubsProgram, [String(global.port), String(sizes.zones)], { execArgv: [] })
  const ended = new Promise<void>((resolve) => stubs.once('exit', () => resolve()))
  try {
    const results: SoakResult[] = []
    const measure = async (what: SoakResult['what'], warmUp: Order, order: Order): Promise<void> => {
      progress(`${what}: warming up`)
      await run(stubs, global, warmUp)
      const before = await settled(global)
      progress(`${what}: measuring`)
      const { told, operations } = await run(stubs, global, order)
      const after = await settled(global)
      results.push({
        ...{ what, before, after, operations },
        growth: growth(before, after),
        leftOver: leftOver(before, after),
        sessions: told.sessions,
        rejections: rejections + told.rejections,
      })
    }
    const { cycles, churnSeconds } = sizes
    await measure('cycles', { do: 'cycles', count: cycles }, { do: 'cycles', count: cycles })
    await measure('churn', { do: 'churn', seconds: churnSeconds }, { do: 'churn', seconds: churnSeconds })
    await run(stubs, global, { do: 'stop' })
    await ended
    return results
  } finally {
    stubs.kill('SIGKILL')
    await ended
    process.off('unhandledRejection', count)
    await global.close()
  }
}

async function settled(global: GlobalPlane): Promise<Usage> {
  await until('global to have no session', () => global.runtime.views().length === 0)
  return usage()
}

async function run(
  stubs: ChildProcess,
  global: GlobalPlane,
  order: Order,
): Promise<{ told: Told; operations: number }> {
  let done = false
  const told = new Promise<Told>((resolve, reject) => {
    stubs.once('message', (message) => resolve(message as Told))
    stubs.once('exit', (status) => reject(new Error(`the stub zones ended with status ${status}`)))
  }).finally(() => {
    done = true
    stubs.removeAllListeners('message')
  })
  stubs.send(order)
  let operations = 0
  while (order.do === 'churn' && !done) {
    await disturb(global, operations++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { told: await told, operations }
}

/** Deletes a zone, makes it again, disables it, enables it: one of these, of one zone after the other. */
async function disturb({ store }: GlobalPlane, n: number): Promise<void> {
  const { items } = await store.read.list({ type: 'Zone', offset: 0, limit: 1_000 })
  const deleted = (await store.sessions.zones())
    .map(({ name }) => name)
    .filter((name) => !items.some((row) => row.name === name))
  const victim = items[(7 * n) % Math.max(1, items.length)]
  const change =
    deleted[0] !== undefined && n % 2 === 1
      ? zonePut(deleted[0], true)
      : victim === undefined
        ? undefined
        : n % 3 === 0
          ? ({ change: 'delete', key: { type: 'Zone', mesh: '', name: victim.name } } as const)
          : zonePut(victim.name, n % 4 !== 2)
  if (change !== undefined)
    await store.local.apply({ changes: [change], atomic: true, actor: 'soak' }, { signal: AbortSignal.timeout(30_000) })
}

const zonePut = (name: string, enabled: boolean): LocalChange => ({
  change: 'put',
  key: { type: 'Zone', mesh: '', name },
  content: {
    labels: {},
    typeUrl: specTypeUrl(typeOf('Zone')),
    spec: enabled ? Uint8Array.of(0x0a, 0x02, 0x08, 0x01) : Uint8Array.of(0x0a, 0x00),
  },
  namespace: '',
  displayName: name,
  wantsVip: false,
})
