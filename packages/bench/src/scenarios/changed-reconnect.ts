import { atMost, count, exactly, type Section, theSame } from '../report.js'
import { changedServices } from '../services.js'
import { apply, calm, type Mesh, seed } from '../stand/mesh.js'
import { joined, left, viewAtGlobal } from '../stand/plane.js'
import type { Said } from '../stand/trace.js'
import { until } from '../stand/until.js'
import { added, type Counts, inWords, total } from '../statements.js'
import { payloadBytes } from './idle-reconnect.js'

export interface ChangedFigures {
  readonly services: number
  /** Services of another zone that changed while this one was away. */
  readonly changed: number
  readonly said: Said
  /** Resources and removals that global sent, and the zone. */
  readonly sentDown: number
  readonly sentUp: number
  readonly statements: { readonly global: Counts; readonly zone: Counts }
  readonly rows: Counts
}

/** Some services change in one zone while the other is away; it comes back, alone as in the idle reconnect. */
export async function changedFigures(mesh: Mesh, services: number, changed: number): Promise<ChangedFigures> {
  const { global, east, west } = mesh
  await calm([global, east, west])
  await left(global, east)
  const before = (await global.store.status()).head.revision
  await apply(west, changedServices({ seed, zone: 'west', count: changed }))
  await until('the changes to be at global', async () => (await global.store.status()).head.revision > before)
  await left(global, west)
  await calm([global, east])
  const looks = [global.statements.all(), east.statements.all(), await east.rows()] as const
  await joined(global, east)
  const said = east.trace.said()
  const sentBy = (view: ReturnType<typeof viewAtGlobal>): number =>
    (view?.channels ?? []).reduce((sum, channel) => sum + channel.sent, 0)
  const sent = { sentDown: sentBy(viewAtGlobal(global, east.name)), sentUp: sentBy(east.view()) }
  await calm([global, east])
  const statements = {
    global: added(looks[0], global.statements.all()),
    zone: added(looks[1], east.statements.all()),
  }
  const rows = added(looks[2], await east.rows())
  await joined(global, west)
  return {
    services,
    changed,
    said,
    ...sent,
    statements,
    rows,
  }
}

const bytesMax = 2_048
/** A service of the generator's largest sort, with labels and VIPs. */
const bytesPerChangeMax = 2_048

export function changedSection(figures: readonly ChangedFigures[]): Section {
  return {
    id: 'changed-reconnect',
    title: 'Reconnect, d services of another zone changed meanwhile',
    columns: [
      ...['services', 'd', 'bytes up', 'bytes down', 'round trips', 'sent down', 'sent up'],
      ...['SQL global', 'SQL zone', 'rows of resources'],
    ],
    rows: figures.map((f) => [
      count(f.services),
      count(f.changed),
      count(f.said.payloadBytesSent),
      count(f.said.payloadBytesReceived),
      count(f.said.roundTrips),
      count(f.sentDown),
      count(f.sentUp),
      count(total(f.statements.global)),
      count(total(f.statements.zone)),
      count(f.rows.resources ?? 0),
    ]),
    notes: [],
    gates: [
      theSame(
        'statements at global, whatever N',
        figures.map((f) => inWords(f.statements.global)),
      ),
      theSame(
        'statements in the zone, whatever N',
        figures.map((f) => inWords(f.statements.zone)),
      ),
      ...figures.flatMap((f) => [
        exactly(`resources sent at N = ${count(f.services)}`, f.sentDown + f.sentUp, f.changed),
        exactly(`rows of resources written at N = ${count(f.services)}`, f.rows.resources ?? 0, f.changed),
        exactly(`rows of the ledger written at N = ${count(f.services)}`, f.rows.vip_ledger ?? 0, 0),
        atMost(`bytes at N = ${count(f.services)}`, payloadBytes(f), bytesMax + f.changed * bytesPerChangeMax),
      ]),
    ],
    figures,
  }
}
