import { randomBytes, randomUUID } from 'node:crypto'
import { sessionMetrics } from '@holdfast/peer'
import { asControlPlane, type ControlPlaneStore, MemoryStore } from '@holdfast/store'
import { ZoneRuntime } from '@holdfast/zone'
import pino from 'pino'
import { Registry } from 'prom-client'
import { services } from '../services.js'
import { until } from '../stand/until.js'

// Zones without a database of their own, over real sockets, in a process of their own: what is measured is global.
// Told what to do by the process that began this one; says when it is done.
export type Order =
  | { readonly do: 'cycles'; readonly count: number }
  | { readonly do: 'churn'; readonly seconds: number }
  /** Every zone joins, applies its services, is in step and leaves. */
  | { readonly do: 'fill' }
  | { readonly do: 'stop' }
export type Told = { readonly done: Order['do']; readonly sessions: number; readonly rejections: number }

const log = pino({ level: 'silent' })
const [, , port = '', zones = '1', servicesEach = '0'] = process.argv

interface Stub {
  readonly name: string
  readonly store: ControlPlaneStore
  runtime: ZoneRuntime | undefined
}

const stubs: Stub[] = []
let sessions = 0
let rejections = 0
process.on('unhandledRejection', () => {
  rejections++
})

for (let i = 0; i < Number(zones); i++) {
  const name = `z${i}`
  const identity = { role: 'zone', name, storeId: randomUUID() } as const
  const hexDigits = (length: number): string => randomBytes(length).toString('hex').slice(0, length)
  const store = asControlPlane(new MemoryStore({ identity, nowMs: Date.now, hexDigits }))
  await store.initialise({ actor: 'soak', random: randomBytes(16) })
  stubs.push({ name, store, runtime: undefined })
}

function join(stub: Stub): void {
  sessions++
  stub.runtime = new ZoneRuntime({
    store: stub.store,
    zone: stub.name,
    globalAddresses: [`grpc://127.0.0.1:${port}`],
    version: '0.1.0',
    instanceId: `${stub.name}-soak`,
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{}' },
    wantedCidrs: [],
    answer: async () => '{}',
    log,
    metrics: sessionMetrics(new Registry()),
    backoff: { baseMs: 20, maxMs: 200, steadyMs: 0 },
  })
  stub.runtime.start(() => {})
}

async function leave(stub: Stub): Promise<void> {
  const { runtime } = stub
  stub.runtime = undefined
  await runtime?.close()
}

/** One after the other and a few at once: joins, is in step, leaves. */
async function cycles(count: number): Promise<void> {
  let begun = 0
  const work = async (stub: Stub): Promise<void> => {
    while (begun < count) {
      begun++
      join(stub)
      await inStep(stub)
      await leave(stub)
    }
  }
  await Promise.all(stubs.map(work))
}

/** Services of each zone, a tenth of them in the mesh that comes and goes. */
async function fill(count: number): Promise<void> {
  for (const stub of stubs) join(stub)
  for (const stub of stubs) await inStep(stub)
  for (const { name, store } of stubs) {
    const changes = services({ seed: 20_261_129, zone: name, count }).map((put, at) =>
      at % 10 === 9 ? { ...put, key: { ...put.key, mesh: 'churn' } } : put,
    )
    await store.local.apply({ changes, atomic: false, actor: 'soak' }, { signal: AbortSignal.timeout(60_000) })
  }
  const all = count * stubs.length
  const kept = async ({ store }: Stub): Promise<number> =>
    (await store.read.counts()).resources.reduce((sum, of) => sum + (of.type === 'MeshService' ? of.count : 0), 0)
  for (const stub of stubs)
    await until(`${all} services in ${stub.name}`, async () => (await kept(stub)) === all, 600_000)
  await Promise.all(stubs.map(leave))
}

const inStep = (stub: Stub): Promise<void> =>
  until(`${stub.name} to be in step`, () => stub.runtime?.view()?.inStep === true, 60_000)

/** Everybody stays as long as it may, comes back by itself, and now and then leaves or says something. */
async function churn(seconds: number): Promise<void> {
  const endMs = performance.now() + seconds * 1_000
  for (const stub of stubs) join(stub)
  for (let n = 0; performance.now() < endMs; n++) {
    const stub = stubs[n % stubs.length]
    if (stub === undefined) break
    if (n % 3 === 0) {
      await leave(stub)
      join(stub)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await Promise.all(stubs.map(leave))
}

process.on('message', (order: Order) => {
  void (async () => {
    if (order.do === 'cycles') await cycles(order.count)
    else if (order.do === 'churn') await churn(order.seconds)
    else if (order.do === 'fill' && Number(servicesEach) > 0) await fill(Number(servicesEach))
    const told: Told = { done: order.do, sessions, rejections }
    process.send?.(told)
    if (order.do === 'stop') process.disconnect()
  })()
})
