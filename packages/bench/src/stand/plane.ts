import { randomBytes } from 'node:crypto'
import { GlobalRuntime } from '@holdfast/global'
import { computedLabels, specTypeUrl, typeOf } from '@holdfast/model'
import { type SessionView, sessionMetrics } from '@holdfast/peer'
import { type ControlPlaneStore, openStore } from '@holdfast/store'
import { countWrites, rowsWritten } from '@holdfast/testkit'
import { dialKds } from '@holdfast/transport'
import { ZoneRuntime } from '@holdfast/zone'
import pino from 'pino'
import { Registry } from 'prom-client'
import { type Counts, Statements } from '../statements.js'
import { takeClocks } from './clock.js'
import type { FreshDatabase } from './server.js'
import { Trace } from './trace.js'
import { until } from './until.js'

/** A control plane of the bench: the real store and runtime on a database of its own, with its statements counted. */
export interface Plane {
  readonly name: string
  readonly url: string
  readonly store: ControlPlaneStore
  readonly statements: Statements
  /** Rows written so far by table, as triggers count them; empty where rows are not counted. */
  rows(): Promise<Counts>
}

export interface GlobalPlane extends Plane {
  readonly port: number
  readonly runtime: GlobalRuntime
  close(): Promise<void>
}

export interface ZonePlane extends Plane {
  readonly trace: Trace
  /** Dials global; the session runs until `leave`. */
  join(port: number): void
  leave(): Promise<void>
  view(): SessionView | undefined
  close(): Promise<void>
}

export interface PlaneOptions {
  readonly fresh: FreshDatabase
  /** Triggers that count rows cost time: not where time is taken. */
  readonly countRows: boolean
}

const version = '0.1.0'
const log = pino({ level: process.env.HOLDFAST_BENCH_LOG ?? 'silent' }, pino.destination(2))
/** The poll of the log finds out what other processes have committed. There are none, and it would be counted. */
const neverPollMs = 2 ** 31 - 1

async function openPlane(role: 'global' | 'zone', name: string, { fresh, countRows }: PlaneOptions): Promise<Plane> {
  takeClocks()
  const { url } = await fresh()
  if (countRows) await countWrites(url)
  const statements = new Statements()
  const store = await openStore({
    databaseUrl: url,
    role,
    name,
    programVersion: version,
    log,
    onStatement: statements.note,
    onUnderWay: statements.noteUnderWay,
    pollEveryMs: neverPollMs,
  })
  await store.initialise({ actor: 'bench', random: randomBytes(16) })
  return { name, url, store, statements, rows: async () => (countRows ? rowsWritten(url, { including: 'all' }) : {}) }
}

/** A global with the mesh `default`, where zones can join. */
export async function startGlobal(options: PlaneOptions): Promise<GlobalPlane> {
  const plane = await openPlane('global', '', options)
  const type = typeOf('Mesh')
  const name = 'default'
  await plane.store.local.apply(
    {
      changes: [
        {
          change: 'put',
          key: { type: type.name, mesh: '', name },
          content: {
            labels: computedLabels(type, '', name, 'global', '', {}),
            typeUrl: specTypeUrl(type),
            spec: new Uint8Array(),
          },
          namespace: '',
          displayName: name,
          wantsVip: false,
        },
      ],
      atomic: true,
      actor: 'bench',
    },
    { signal: new AbortController().signal },
  )
  const runtime = new GlobalRuntime({
    store: plane.store,
    address: '127.0.0.1',
    port: 0,
    version,
    instanceId: 'global-bench',
    log,
    metrics: sessionMetrics(new Registry()),
  })
  const port = await runtime.start()
  return {
    ...plane,
    port,
    runtime,
    close: async () => {
      await runtime.close()
      await plane.store.close()
    },
  }
}

/** A zone that has not joined yet. */
export async function openZone(name: string, options: PlaneOptions): Promise<ZonePlane> {
  const plane = await openPlane('zone', name, options)
  const trace = new Trace()
  const metrics = sessionMetrics(new Registry())
  let runtime: ZoneRuntime | undefined
  let refused: string | undefined
  const leave = async (): Promise<void> => {
    await runtime?.close()
    runtime = undefined
  }
  return {
    ...plane,
    trace,
    join: (port) => {
      runtime = new ZoneRuntime({
        store: plane.store,
        zone: name,
        globalAddresses: [`grpc://127.0.0.1:${port}`],
        version,
        instanceId: `${name}-bench`,
        nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{}' },
        wantedCidrs: [],
        answer: async () => '{}',
        log,
        metrics,
        dial: (options) => trace.watch(dialKds(options)),
      })
      runtime.start((reason) => {
        refused = reason
      })
    },
    leave,
    view: () => {
      if (refused !== undefined) throw new Error(`global does not let zone ${name} in: ${refused}`)
      return runtime?.view()
    },
    close: async () => {
      await leave()
      await plane.store.close()
    },
  }
}

export const viewAtGlobal = (global: GlobalPlane, zone: string): SessionView | undefined =>
  global.runtime.views().find((view) => view.peer === zone)

export const inStep = (global: GlobalPlane, zone: ZonePlane): boolean =>
  zone.view()?.inStep === true && viewAtGlobal(global, zone.name)?.inStep === true

export async function joined(global: GlobalPlane, zone: ZonePlane): Promise<void> {
  zone.join(global.port)
  await until(`${zone.name} and global to be in step`, () => inStep(global, zone))
}

export async function left(global: GlobalPlane, zone: ZonePlane): Promise<void> {
  await zone.leave()
  await until(`the session of ${zone.name} to end at global`, () => viewAtGlobal(global, zone.name) === undefined)
}
