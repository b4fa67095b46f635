import { performance } from 'node:perf_hooks'
import { atMost, count, type Section, theSame } from '../report.js'
import { changedServices } from '../services.js'
import { whileClocksStand } from '../stand/clock.js'
import { apply, calm, type Mesh, seed } from '../stand/mesh.js'
import type { Plane, ZonePlane } from '../stand/plane.js'
import { added, type Counts, inWords, total } from '../statements.js'

export interface OneChangeFigures {
  readonly services: number
  readonly changes: number
  /** From the answer to who has changed it at its origin until another zone has committed it. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly statements: { readonly origin: Counts; readonly global: Counts; readonly other: Counts }
  /** Payload that the origin has sent and the other zone has received, of one change. */
  readonly bytes: number
}

/** What comes together is written together, or not: a change that happened to wait for another costs less, none costs more. */
const countedTries = 3

/** One service after the other is changed in one zone and comes to the other, with nothing else going on. */
export async function oneChangeFigures(mesh: Mesh, services: number, changes: number): Promise<OneChangeFigures> {
  const { global, east, west } = mesh
  const puts = changedServices({ seed, zone: 'east', count: changes + countedTries })
  await calm([global, east, west])
  const took: number[] = []
  for (const put of puts.slice(0, changes)) took.push(await oneChange(east, west, put))
  const counted: Pick<OneChangeFigures, 'statements' | 'bytes'>[] = []
  for (const put of puts.slice(changes))
    counted.push(
      await whileClocksStand(async () => {
        await calm([global, east, west])
        const planes: readonly Plane[] = [east, global, west]
        const before = planes.map(({ statements }) => statements.all())
        const bytes = payload(east, west)
        await oneChange(east, west, put)
        await calm([global, east, west])
        const [origin = {}, atGlobal = {}, other = {}] = planes.map(({ statements }, i) =>
          added(before[i] ?? {}, statements.all()),
        )
        return { statements: { origin, global: atGlobal, other }, bytes: payload(east, west) - bytes }
      }),
    )
  const sorted = took.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  // Each is another service: the smallest is the same one whatever N is.
  const bytes = Math.min(...counted.map((one) => one.bytes))
  return { services, changes, p50Ms: at(0.5), p99Ms: at(0.99), ...quietest(counted), bytes }
}

const sumOf = ({ statements: { origin, global, other } }: Pick<OneChangeFigures, 'statements'>): number =>
  total(origin) + total(global) + total(other)

function quietest<T extends Pick<OneChangeFigures, 'statements'>>(tries: readonly T[]): T {
  return tries.reduce((least, one) => (sumOf(one) < sumOf(least) ? one : least))
}

const payload = (origin: ZonePlane, other: ZonePlane): number =>
  (origin.view()?.payloadBytesSent ?? 0) + (other.view()?.payloadBytesReceived ?? 0)

/** Nothing else changes, so the next commit of the other zone is this one. */
async function oneChange(
  origin: ZonePlane,
  other: ZonePlane,
  put: ReturnType<typeof changedServices>[number],
): Promise<number> {
  const { promise, arrived } = arrival(other)
  await apply(origin, [put])
  const startMs = performance.now()
  return (await promise(arrived)) - startMs
}

function arrival({ store, name }: ZonePlane) {
  let stop: () => void = () => {}
  const arrived = new Promise<number>((resolve) => {
    stop = store.onAdvanced(() => resolve(performance.now()))
  })
  const promise = async (of: Promise<number>): Promise<number> => {
    const signal = AbortSignal.timeout(120_000)
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`waited 120 s for a change to come to ${name}`)))
    })
    try {
      return await Promise.race([of, late])
    } finally {
      stop()
    }
  }
  return { promise, arrived }
}

const inMs = (value: number): string => `${value.toFixed(1)} ms`
/** Numbers that grow, a revision and a count, take a byte more each. */
const bytesMoreMax = 32

export function oneChangeSection(figures: readonly OneChangeFigures[]): Section {
  const bytes = figures.map((f) => f.bytes)
  const words = (of: keyof OneChangeFigures['statements']): readonly string[] =>
    figures.map((f) => inWords(f.statements[of]))
  return {
    id: 'one-change',
    title: 'One change, from its commit at the origin to that in another zone',
    columns: ['services', 'changes', 'p50', 'p99', 'SQL origin', 'SQL global', 'SQL other', 'bytes'],
    rows: figures.map((f) => [
      count(f.services),
      count(f.changes),
      inMs(f.p50Ms),
      inMs(f.p99Ms),
      count(total(f.statements.origin)),
      count(total(f.statements.global)),
      count(total(f.statements.other)),
      count(f.bytes),
    ]),
    notes: figures.flatMap((f) => [
      `${count(f.services)}: origin: ${inWords(f.statements.origin)}`,
      `global: ${inWords(f.statements.global)}`,
      `other zone: ${inWords(f.statements.other)}`,
    ]),
    gates: [
      theSame('statements at the origin, whatever N', words('origin')),
      theSame('statements at global, whatever N', words('global')),
      theSame('statements in the other zone, whatever N', words('other')),
      atMost('bytes more at one N than at another', Math.max(...bytes) - Math.min(...bytes), bytesMoreMax),
    ],
    figures,
  }
}
