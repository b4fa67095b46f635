import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ControlPlane, holdfastctl, joinFlags } from '@holdfast/testkit'
import { documentOf } from '../load/load.js'
import { services } from '../services.js'
import { seed } from '../stand/mesh.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { type HttpFigures, httpFigures } from './http.js'
import type { Order, Told } from './stubs.js'
import { cpuSeconds, residentMiB, whilePeaks } from './usage.js'

export interface ScaleSizes {
  readonly services: number
  /** Stub zones that dial at once. */
  readonly zones: number
  readonly idleSeconds: number
}

export interface ScaleFigures {
  readonly services: number
  readonly zones: number
  /** The services, applied in one zone in pages of 10,000: until the API has answered, and until global had all with VIPs. */
  readonly filled: { readonly appliedMs: number; readonly everywhereMs: number; readonly globalPeakMiB: number }
  /** A second zone is told everything. Memory beyond what each had idle. */
  readonly fullSync: { readonly tookMs: number; readonly globalMoreMiB: number; readonly zoneMoreMiB: number }
  readonly idle: { readonly globalCorePercent: number; readonly zoneCorePercent: number; readonly globalMiB: number }
  readonly verify: { readonly tookMs: number; readonly zones: number }
  readonly http: HttpFigures
  readonly start: { readonly tookMs: number }
  readonly dial: {
    readonly slowestMs: number
    readonly medianMs: number
    readonly bytes: number
    /** The longest that global's event loop stood still meanwhile. */
    readonly loopMostMs: number
  }
  readonly memory: { readonly alone: number; readonly at: readonly { readonly zones: number; readonly miB: number }[] }
}

const stubsProgram = fileURLToPath(new URL('../../dist/scale/stubs.js', import.meta.url))
const pageOfApply = 10_000
const stepTimeoutMs = 1_800_000
/** Beside the two real zones. */
const stubsOfVerify = 3
const memoryOf = [0, 10, 50, 100]

/** Real processes of a global and two zones on real databases; further zones are stubs over real sockets and TLS. */
export async function scale(
  fresh: FreshDatabase,
  sizes: ScaleSizes,
  progress: (what: string) => void,
  interruptedBy: AbortSignal,
): Promise<ScaleFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-scale-'))
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, interruptedBy])
  const closers: (() => Promise<unknown>)[] = []
  const plane = async (name: string, role: 'global' | 'zone', flags: readonly string[]) => {
    const { url } = await fresh()
    const process = new ControlPlane({ name, role, databaseUrl: url, folder, flags, signal, startTimeoutMs: 120_000 })
    closers.push(() => process.stop())
    await process.start()
    return { process, url }
  }
  try {
    progress('a global and a zone')
    const global = await plane('global', 'global', ['--allow-unauthenticated-zone', '*'])
    const at = { port: global.process.ports.kds ?? 0, folder, signal }
    const east = await plane('east', 'zone', await joinFlags(global.process, 'east', at))
    await until('east to be proven', () => isProven(east.process))

    progress(`${sizes.services} services applied in east`)
    const filled = await whilePeaks([pidOf(global.process)], () => fill(east.process, global.process, sizes.services))

    progress('a second zone is told everything')
    const idleMiB = residentMiB(pidOf(global.process))
    const west = await plane('west', 'zone', await joinFlags(global.process, 'west', at))
    const westIdleMiB = residentMiB(pidOf(west.process))
    const synced = await whilePeaks([pidOf(global.process), pidOf(west.process)], () =>
      timed(async () => {
        await until(
          'west to have all',
          async () => (await servicesAt(west.process)) === sizes.services,
          stepTimeoutMs,
          seldomMs,
        )
        await until('west to be proven', () => isProven(west.process))
      }),
    )

    progress(`nothing for ${sizes.idleSeconds} s`)
    const [globalCpu, zoneCpu] = [cpuSeconds(pidOf(global.process)), cpuSeconds(pidOf(east.process))]
    const { tookMs: idleMs } = await timed(() => pause(sizes.idleSeconds * 1_000))
    const share = (pid: number, before: number): number => ((cpuSeconds(pid) - before) / (idleMs / 1_000)) * 100
    const idle = {
      globalCorePercent: share(pidOf(global.process), globalCpu),
      zoneCorePercent: share(pidOf(east.process), zoneCpu),
      globalMiB: residentMiB(pidOf(global.process)),
    }

    progress('pages and single services over HTTP')
    const http = await httpFigures({
      base: global.process.apiUrl,
      url: global.url,
      change: (i) => changed(east.process, global.process, i),
    })

    progress('global begins anew')
    await global.process.stop()
    const start = await timed(() => global.process.start())
    for (const { process } of [east, west]) await until(`${process.name} to be proven`, () => isProven(process))

    progress('the first of the stub zones is told everything')
    const bundle = join(folder, 'crowd.join.json')
    const address = `grpcs://127.0.0.1:${at.port}`
    await holdfastctl(global.process.apiUrl, ['zone', 'add', 'crowd-1', '--address', address, '--out', bundle], {
      signal,
    })
    const stubs = fork(stubsProgram, [bundle], { execArgv: ['--max-old-space-size=12288'] })
    closers.push(async () => stubs.kill('SIGKILL'))
    await order(stubs, { do: 'fill' })
    progress(`${sizes.zones} zones join for the first time`)
    await order(stubs, { do: 'make', count: sizes.zones })

    progress('vip verify')
    await order(stubs, { do: 'dial', count: stubsOfVerify })
    const verified = await timed(() => ask<Verified>(global.process, '/_holdfast/vips/verify'))
    await order(stubs, { do: 'leave' })
    const { agree, disagreements, checked } = verified.value
    const verifiedZones = checked.filter(({ result }) => result === 'verified').length - 1
    if (!agree || verifiedZones < 2 + stubsOfVerify)
      throw new Error(`vip verify: ${JSON.stringify({ disagreements, checked }).slice(0, 500)}`)

    progress(`${sizes.zones} zones dial at once`)
    await loopMostMs(global.process)
    const dialled = await order(stubs, { do: 'dial', count: sizes.zones })
    const loop = await loopMostMs(global.process)
    await order(stubs, { do: 'leave' })

    progress('memory of global by the number of zones')
    const at0 = { alone: 0, at: [] as { zones: number; miB: number }[] }
    await global.process.stop()
    await global.process.start()
    for (const count of memoryOf.filter((zones) => zones <= sizes.zones)) {
      await order(stubs, { do: 'dial', count })
      await pause(settleMs)
      at0.at.push({ zones: count, miB: residentMiB(pidOf(global.process)) })
      await order(stubs, { do: 'leave' })
    }
    return {
      services: sizes.services,
      zones: sizes.zones,
      filled: { ...filled.value, globalPeakMiB: filled.peaksMiB[0] ?? 0 },
      fullSync: {
        tookMs: synced.value.tookMs,
        globalMoreMiB: (synced.peaksMiB[0] ?? 0) - idleMiB,
        zoneMoreMiB: (synced.peaksMiB[1] ?? 0) - westIdleMiB,
      },
      idle,
      verify: { tookMs: verified.tookMs, zones: verifiedZones },
      http,
      start: { tookMs: start.tookMs },
      dial: { slowestMs: dialled.slowestMs, medianMs: dialled.medianMs, bytes: dialled.bytes, loopMostMs: loop },
      memory: at0,
    }
  } finally {
    done.abort()
    for (const close of closers.reverse()) await close().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A look is a request to a process that is busy with what is measured. */
const seldomMs = 500
const settleMs = 5_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Zones that leave are still met, and count as not verified: those that are there have to be. */
interface Verified {
  readonly agree: boolean
  readonly disagreements: readonly unknown[]
  readonly checked: readonly { readonly result: string }[]
}

async function fill(
  zone: ControlPlane,
  global: ControlPlane,
  count: number,
): Promise<{ readonly appliedMs: number; readonly everywhereMs: number }> {
  const startedMs = performance.now()
  for (let from = 0; from < count; from += pageOfApply) {
    const page = services({ seed, zone: zone.name, count: Math.min(pageOfApply, count - from), from }).map((put) => ({
      ...put,
      content: { ...put.content, labels: { ...put.content.labels, 'kuma.io/origin': 'zone' } },
    }))
    const response = await fetch(`${zone.apiUrl}/_apply`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(page.map(documentOf)),
    })
    if (!response.ok) throw new Error(`_apply answered ${response.status}: ${(await response.text()).slice(0, 500)}`)
    await response.arrayBuffer()
  }
  const appliedMs = performance.now() - startedMs
  await until('global to have all', async () => (await servicesAt(global)) === count, stepTimeoutMs, seldomMs)
  for (const plane of [zone, global])
    await until(
      `${plane.name} to have a VIP for each`,
      async () => (await metric(plane, 'holdfast_vips_pending')) === 0,
    )
  return { appliedMs, everywhereMs: performance.now() - startedMs }
}

/** One service more in a zone, until global has it: not asked for services, which is what is measured afterwards. */
async function changed(zone: ControlPlane, global: ControlPlane, i: number): Promise<void> {
  const revision = async () => (await ask<{ readonly head: Head }>(global, '/_holdfast/status')).head.revision
  const before = await revision()
  const [put] = services({ seed, zone: zone.name, count: 1, from: 1_000_000 + i })
  if (put === undefined) throw new Error('no service was made')
  const { content } = put
  const document = documentOf({
    ...put,
    content: { ...content, labels: { ...content.labels, 'kuma.io/origin': 'zone' } },
  })
  const response = await fetch(`${zone.apiUrl}/_apply`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ ...document, name: `more-${i}` }]),
  })
  if (!response.ok) throw new Error(`_apply answered ${response.status}: ${(await response.text()).slice(0, 500)}`)
  await response.arrayBuffer()
  await until('global to have it', async () => (await revision()) > before)
}

interface Head {
  readonly revision: number
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startedMs = performance.now()
  const value = await work()
  return { value, tookMs: performance.now() - startedMs }
}

const pidOf = ({ name, pid }: ControlPlane): number => {
  if (pid === undefined) throw new Error(`${name} does not run`)
  return pid
}

async function ask<T>(plane: ControlPlane, path: string): Promise<T> {
  const response = await fetch(`${plane.apiUrl}${path}`, { signal: AbortSignal.timeout(stepTimeoutMs) })
  const body = await response.text()
  if (!response.ok) throw new Error(`${plane.name}: GET ${path} answered ${response.status}: ${body.slice(0, 500)}`)
  return JSON.parse(body) as T
}

const servicesAt = async (plane: ControlPlane): Promise<number> =>
  (await ask<{ readonly total: number }>(plane, '/meshservices?size=1')).total

async function isProven(zone: ControlPlane): Promise<boolean> {
  const { peers } = await ask<{ readonly peers: readonly { connected: boolean; bytesToProven?: number }[] }>(
    zone,
    '/_holdfast/sync',
  )
  return peers[0]?.connected === true && peers[0].bytesToProven !== undefined
}

async function metric(plane: ControlPlane, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${plane.ports.diagnostics}/metrics`)
  return (await response.text())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Since it was asked for the last time: the metric begins anew with each scrape. */
const loopMostMs = async (plane: ControlPlane): Promise<number> =>
  (await metric(plane, 'nodejs_eventloop_lag_max_seconds')) * 1_000

function order(stubs: ChildProcess, what: Order): Promise<Told> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null): void => reject(new Error(`the stub zones ended with status ${status}`))
    stubs.once('exit', ended)
    stubs.once('message', (told) => {
      stubs.off('exit', ended)
      resolve(told as Told)
    })
    stubs.send(what)
  })
}
