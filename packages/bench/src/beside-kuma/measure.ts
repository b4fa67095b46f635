import { Agent, request } from 'node:http'
import { displayNameLabel, exportName, typeOf, zoneLabel } from '@holdfast/model'
import { cpuSeconds, residentMiB } from '../scale/usage.js'
import type { ServerCounts } from './counts.js'
import { type Side, type SidePlane, zoneNames } from './side.js'

export interface MeasureSizes {
  readonly services: number
  /** Changes, and new services, that are waited for one after the other. */
  readonly single: number
  /** Of nothing, and of a reconnect: as long as each other, so that one can be taken from the other. */
  readonly windowSeconds: number
  /** For anything that is waited for. */
  readonly limitSeconds: number
}

/** What a window of time has cost: global, zone-1, zone-2. */
export interface Window {
  readonly cpuSeconds: readonly number[]
  readonly databaseCpuSeconds: number
  readonly rows: readonly number[]
  readonly bytesUp: number
  readonly bytesDown: number
}

/** Times in ms; undefined: not within the limit. */
export interface SideFigures {
  readonly product: string
  readonly putMs: number
  /** From the first PUT on. */
  readonly arrivedMs: number | undefined
  readonly addressedMs: number | undefined
  readonly changeMs: number | undefined
  readonly newcomer: { readonly seenMs: number | undefined; readonly addressedMs: number | undefined }
  readonly idle: Window
  readonly reconnect: Window & {
    /** From the cut until both zones have dialled and no burst of bytes came any more. */
    readonly quietMs: number | undefined
    /** Services of the second zone that had another address afterwards. */
    readonly moved: number
  }
  readonly residentMiB: readonly number[]
}

const putLanes = 32
const pageSize = 1_000
const settleMs = 15_000
/** A look costs who is looked at, so those at lists are seldom. */
const [lookMs, seldomMs] = [20, 1_000]
const burst = { bytes: 4_096, everyMs: 250 }

const agent = new Agent({ keepAlive: true, maxSockets: putLanes })
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const median = (values: readonly (number | undefined)[]): number | undefined => {
  // What never came is later than all that did.
  const sorted = values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY
  return Number.isFinite(middle) ? middle : undefined
}
const nameOf = (i: number): string => `svc-${String(i).padStart(5, '0')}`

/** The same requests, in the same order, to whoever it is. */
export async function measure(
  side: Side,
  server: ServerCounts,
  sizes: MeasureSizes,
  progress: (what: string) => void,
): Promise<SideFigures> {
  const { services, single, windowSeconds } = sizes
  const [, from, to] = side.planes
  const limitMs = sizes.limitSeconds * 1_000
  const since = async (startedMs: number, everyMs: number, holds: () => Promise<boolean>) => {
    while (!(await holds())) {
      if (performance.now() - startedMs > limitMs) return undefined
      await pause(everyMs)
    }
    return performance.now() - startedMs
  }
  for (const zone of [from, to])
    if (
      (await since(performance.now(), lookMs, async () => (await ask(zone, '/meshes/default')) !== undefined)) ===
      undefined
    )
      throw new Error(`${side.product}: ${zone.name} has no mesh after ${sizes.limitSeconds} s`)

  progress(`${side.product}: ${services} services in ${from.name}`)
  const startedMs = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < services) await put(from, nameOf(next++), 80)
  }
  await Promise.all(Array.from({ length: putLanes }, lane))
  const putMs = performance.now() - startedMs
  const arrivedMs = await since(startedMs, seldomMs / 4, async () => (await totalIn(to)) === services)
  const addressedMs =
    arrivedMs === undefined
      ? undefined
      : await since(startedMs, seldomMs, async () => (await addressesIn(to)).size === services)

  progress(`${side.product}: one change after the other`)
  await pause(settleMs)
  const changes: (number | undefined)[] = []
  for (let i = 0; i < single; i++) {
    const name = nameOf(i * 7)
    const changedMs = performance.now()
    await put(from, name, 8_000 + i)
    changes.push(
      await since(changedMs, lookMs, async () => (await serviceIn(to, name))?.spec?.ports?.[0]?.port === 8_000 + i),
    )
  }
  progress(`${side.product}: one new service after the other`)
  const newcomers: { seenMs: number | undefined; addressedMs: number | undefined }[] = []
  for (let i = 0; i < single; i++) {
    const name = nameOf(services + i)
    const madeMs = performance.now()
    await put(from, name, 80)
    const seenMs = await since(madeMs, lookMs, async () => (await serviceIn(to, name)) !== undefined)
    const has = async () => ((await serviceIn(to, name))?.status?.vips?.length ?? 0) > 0
    newcomers.push({ seenMs, addressedMs: seenMs === undefined ? undefined : await since(madeMs, lookMs, has) })
  }

  progress(`${side.product}: nothing for ${windowSeconds} s`)
  await pause(settleMs)
  const before = await addressesIn(to)
  const idle = await window(side, server, windowSeconds, async () => undefined)
  progress(`${side.product}: both zones reconnect, and ${windowSeconds} s are looked at`)
  let quietMs: number | undefined
  const reconnect = await window(side, server, windowSeconds, async () => {
    quietMs = await cutAndWatch(side, windowSeconds * 1_000)
  })
  const after = await addressesIn(to)
  const moved = [...before].filter(([name, address]) => after.get(name) !== address).length
  return {
    product: side.product,
    putMs,
    arrivedMs,
    addressedMs,
    changeMs: median(changes),
    newcomer: {
      seenMs: median(newcomers.map(({ seenMs }) => seenMs)),
      addressedMs: median(newcomers.map((one) => one.addressedMs)),
    },
    idle,
    reconnect: { ...reconnect, quietMs, moved },
    residentMiB: side.planes.map(({ pid }) => residentMiB(pid)),
  }
}

async function window(
  { planes, cables }: Side,
  server: ServerCounts,
  seconds: number,
  work: () => Promise<void>,
): Promise<Window> {
  const look = async () => ({
    cpu: planes.map(({ pid }) => cpuSeconds(pid)),
    database: server.cpuSeconds(),
    rows: await server.rows(planes),
    up: cables.reduce((sum, cable) => sum + cable.counts().bytesToTarget, 0),
    down: cables.reduce((sum, cable) => sum + cable.counts().bytesFromTarget, 0),
  })
  const [was, endMs] = [await look(), performance.now() + seconds * 1_000]
  await work()
  await pause(Math.max(0, endMs - performance.now()))
  const is = await look()
  return {
    cpuSeconds: is.cpu.map((value, i) => value - (was.cpu[i] ?? 0)),
    databaseCpuSeconds: is.database - was.database,
    rows: is.rows.map((value, i) => value - (was.rows[i] ?? 0)),
    bytesUp: is.up - was.up,
    bytesDown: is.down - was.down,
  }
}

async function cutAndWatch({ cables }: Side, forMs: number): Promise<number | undefined> {
  const startedMs = performance.now()
  const accepted = cables.map((cable) => cable.counts().accepted)
  for (const cable of cables) cable.cut('reset')
  const passed = (): number =>
    cables.reduce((sum, cable) => sum + cable.counts().bytesToTarget + cable.counts().bytesFromTarget, 0)
  let [bytes, lastMs] = [passed(), undefined as number | undefined]
  let dialled = 0
  while (performance.now() - startedMs < forMs) {
    await pause(burst.everyMs)
    const back = cables.filter((cable, i) => cable.counts().accepted > (accepted[i] ?? 0)).length
    if (back !== dialled || passed() - bytes > burst.bytes) lastMs = performance.now() - startedMs
    ;[bytes, dialled] = [passed(), back]
  }
  return dialled === cables.length ? lastMs : undefined
}

interface Shown {
  readonly name: string
  readonly spec?: { readonly ports?: readonly { readonly port: number }[] }
  readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
}

const totalIn = async (plane: SidePlane): Promise<number> =>
  (await ask<{ readonly total: number }>(plane, '/meshes/default/meshservices?size=1'))?.total ?? 0

/** Under the name that a service of the first zone has in the second. */
const serviceIn = (plane: SidePlane, name: string): Promise<Shown | undefined> => {
  const labels = { [displayNameLabel]: name, [zoneLabel]: zoneNames[0] }
  return ask<Shown>(plane, `/meshes/default/meshservices/${exportName(typeOf('MeshService'), 'default', name, labels)}`)
}

/** First address of each service that has one. */
async function addressesIn(plane: SidePlane): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (let offset = 0; ; offset += pageSize) {
    const path = `/meshes/default/meshservices?size=${pageSize}&offset=${offset}`
    const items = (await ask<{ readonly items: readonly Shown[] }>(plane, path))?.items ?? []
    for (const { name, status } of items) {
      const ip = status?.vips?.[0]?.ip
      if (ip !== undefined) found.set(name, ip)
    }
    if (items.length < pageSize) return found
  }
}

const put = (plane: SidePlane, name: string, port: number): Promise<unknown> =>
  send(plane, 'PUT', `/meshes/default/meshservices/${name}`, {
    ...{ type: 'MeshService', mesh: 'default', name, labels: { 'kuma.io/origin': 'zone' } },
    spec: {
      selector: { dataplaneLabels: { matchLabels: { app: name } } },
      ports: [{ port, targetPort: 8_080, appProtocol: 'http' }],
    },
  })

/** @returns undefined: it is not there */
const ask = <T>(plane: SidePlane, path: string): Promise<T | undefined> =>
  send(plane, 'GET', path) as Promise<T | undefined>

function send(plane: SidePlane, method: string, path: string, body?: object): Promise<unknown> {
  const url = `${plane.apiUrl}${path}`
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    request(url, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode = 0 } = response
        if (statusCode === 404 && method === 'GET') resolve(undefined)
        else if (statusCode >= 200 && statusCode < 300) resolve(JSON.parse(text))
        else reject(new Error(`${plane.name}: ${method} ${url} answered ${statusCode}: ${text.slice(0, 300)}`))
      })
    })
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body))
  })
}
