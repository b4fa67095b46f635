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
  /** What each zone has when the churn begins, a tenth of it in a mesh that is deleted and made again. */
  readonly services?: number | undefined
  readonly operationsPerSecond?: number | undefined
}

export interface SoakResult {
  readonly what: 'cycles' | 'churn'
  readonly before: Usage
  readonly after: Usage
  readonly growth: number
  readonly leftOver: readonly string[]
  readonly sessions: number
  readonly operations: number
  readonly operationsPerSecond: number
  readonly rejections: number
  /** Addresses at global that are active although their zone is deleted. */
  readonly strayAddresses: number
  /** Services at global in the end. */
  readonly services: number
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
  const stubs = fork(stubsProgram, [String(global.port), String(sizes.zones), String(sizes.services ?? 0)], {
    execArgv: ['--max-old-space-size=8192'],
  })
  const ended = new Promise<void>((resolve) => stubs.once('exit', () => resolve()))
  try {
    const results: SoakResult[] = []
    const measure = async (what: SoakResult['what'], warmUp: Order, order: Order): Promise<void> => {
      progress(`${what}: warming up`)
      await run(stubs, global, warmUp)
      const before = await settled(global)
      progress(`${what}: measuring`)
      const startedMs = performance.now()
      const { told, operations } = await run(stubs, global, order, sizes.operationsPerSecond)
      const seconds = (performance.now() - startedMs) / 1_000
      const after = await settled(global)
      results.push({
        ...{ what, before, after, operations },
        operationsPerSecond: operations / seconds,
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
  }
}

async function settled(global: GlobalPlane): Promise<Usage> {
  await until('global to have no session', () => global.runtime.views().length === 0)
  return usage()
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
  const beganMs = performance.now()
  while (order.do === 'churn' && !done) {
    await disturb(global, operations++)
    // Behind the pace there is no catching up in a burst: the next one comes at once.
    const dueMs = beganMs + (operations * 1_000) / operationsPerSecond
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs - performance.now())))
  }
  return { told: await told, operations }
}

const churnMesh = 'churn'
/** One in so many operations deletes the mesh or makes it again. */
const meshEvery = 25

/** Deletes a zone, makes it again, disables it, enables it: one of these, of one zone after the other. */
async function disturb({ store }: GlobalPlane, n: number): Promise<void> {
  const { items } = await store.read.list({ type: 'Zone', offset: 0, limit: 1_000 })
  const deleted = (await store.sessions.zones())
    .map(({ name }) => name)
    .filter((name) => !items.some((row) => row.name === name))
  const victim = items[(7 * n) % Math.max(1, items.length)]
  const change =
    n % meshEvery === meshEvery - 1
      ? (await store.read.get(meshKey)) === undefined
        ? meshPut
        : ({ change: 'delete', key: meshKey } as const)
      : deleted[0] !== undefined && n % 2 === 1
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

const meshKey = { type: 'Mesh', mesh: '', name: churnMesh }
const meshPut: LocalChange = {
  change: 'put',
  key: meshKey,
  content: { labels: {}, typeUrl: specTypeUrl(typeOf('Mesh')), spec: new Uint8Array() },
  namespace: '',
  displayName: churnMesh,
  wantsVip: false,
}
