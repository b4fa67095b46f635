import { computedLabels, exportName, jsonSpec, typeOf } from '@holdfast/model'
import type { LocalChange } from '@holdfast/store'
import { count, exactly, type Section, theSame } from '../report.js'
import { apply, calm } from '../stand/mesh.js'
import { type GlobalPlane, joined, openZone, startGlobal, type ZonePlane } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import { added, type Counts, inWords, total } from '../statements.js'

export interface FanOutFigures {
  readonly zones: number
  readonly statements: Counts
  /** How often global put a resource into bytes. */
  readonly encodings: number
  readonly reached: number
}

/** One resource of global's is changed while so many zones are connected. */
export async function fanOutFigures(
  fresh: FreshDatabase,
  zoneCounts: readonly number[],
): Promise<readonly FanOutFigures[]> {
  const global = await startGlobal({ fresh, countRows: false })
  const zones: ZonePlane[] = []
  const figures: FanOutFigures[] = []
  try {
    let version = 0
    await apply(global, [policy(version)])
    for (const wanted of zoneCounts) {
      while (zones.length < wanted) {
        const zone = await openZone(`zone-${zones.length + 1}`, { fresh, countRows: false })
        zones.push(zone)
        await joined(global, zone)
      }
      const tries: FanOutFigures[] = []
      for (let i = 0; i < triesMax; i++) tries.push(await oneChange(global, zones, policy(++version)))
      figures.push(quietest(tries))
    }
  } finally {
    for (const zone of zones) await zone.close()
    await global.close()
  }
  return figures
}

/** A heartbeat or a look for due refusals that falls into a measurement adds statements and never takes one away. */
const triesMax = 3
const quietest = (tries: readonly FanOutFigures[]): FanOutFigures =>
  tries.reduce((least, one) => (total(one.statements) < total(least.statements) ? one : least))

async function oneChange(
  global: GlobalPlane,
  zones: readonly ZonePlane[],
  change: ReturnType<typeof policy>,
): Promise<FanOutFigures> {
  await calm([global, ...zones])
  const before = { statements: global.statements.all(), encodings: global.runtime.encodings() }
  await apply(global, [change])
  const { key, content } = change
  // Zones know it by its export name.
  const there = { ...key, name: exportName(typeOf(key.type), key.mesh, key.name, content.labels) }
  const has = async (zone: ZonePlane): Promise<boolean> => {
    const row = await zone.store.read.get(there)
    return row !== undefined && Buffer.from(content.spec).equals(row.spec)
  }
  for (const zone of zones) await until(`the change to be in ${zone.name}`, () => has(zone))
  await calm([global, ...zones])
  return {
    zones: zones.length,
    statements: added(before.statements, global.statements.all()),
    encodings: global.runtime.encodings() - before.encodings,
    reached: zones.length,
  }
}

/** A policy for all zones; each version says something else. */
function policy(version: number): Extract<LocalChange, { change: 'put' }> {
  const type = typeOf('MeshTimeout')
  const name = 'timeouts'
  return {
    change: 'put',
    key: { type: type.name, mesh: 'default', name },
    content: {
      labels: computedLabels(type, 'default', name, 'global', '', {}),
      ...jsonSpec(type, {
        targetRef: { kind: 'Mesh' },
        to: [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: `${version + 1}s` } }],
      }),
    },
    namespace: '',
    displayName: name,
    wantsVip: false,
  }
}

export function fanOutSection(figures: readonly FanOutFigures[]): Section {
  return {
    id: 'fan-out',
    title: 'One change to Z zones',
    columns: ['zones', 'SQL global', 'encodings'],
    rows: figures.map((f) => [count(f.zones), count(total(f.statements)), count(f.encodings)]),
    notes: figures.map((f) => `Z = ${f.zones}: ${inWords(f.statements)}`),
    gates: [
      theSame(
        'statements at global, whatever Z',
        figures.map((f) => inWords(f.statements)),
      ),
      ...figures.map((f) => exactly(`encodings at Z = ${f.zones}`, f.encodings, 1)),
    ],
    figures,
  }
}
