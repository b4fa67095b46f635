import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const headers = [
  'NAME',
  'STATUS',
  'LAST CONNECTED AGO',
  'LAST UPDATED AGO',
  'TOTAL UPDATES',
  'TOTAL ERRORS',
  'ZONE-CP VERSION',
  'BACKEND',
  'LAG',
  'PROVEN AGO',
  'REFUSES',
  'REFUSED',
  'HELD',
]

/**
 * `inspect zones`: who is connected to this global, in kumactl's columns, and what each refuses of ours, what we refuse of
 * it, and what is held at either end.
 */
export async function inspectZones(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const { items } = await api.list('/zones/_overview')
  const peers = objectsOf((await api.find('/_holdfast/sync'))?.peers)
  const body = { total: items.length, items, next: null }
  io.out.write(
    formatted(options.output, body, () =>
      tableText(
        headers,
        items.map((zone) => {
          const peer = peers.find((each) => each.peer === zone.name)
          return [...zoneRow(zone, peer, io.nowMs()), ...lagOf(peer, io.nowMs()), ...guardsOf(peer)]
        }),
      ),
    ),
  )
  return exitStatus.fine
}

function zoneRow(overview: JsonObject, peer: JsonObject | undefined, nowMs: number): readonly string[] {
  const subscriptions = objectsOf(objectOf(overview.zoneInsight).subscriptions)
  const last = subscriptions.at(-1) ?? {}
  const enabled = objectOf(overview.zone).enabled !== false
  const online = subscriptions.some((each) => each.connectTime !== undefined && each.disconnectTime === undefined)
  const sum = (counter: string) =>
    subscriptions.reduce((total, each) => total + Number(objectOf(objectOf(each.status).total)[counter] ?? 0), 0)
  return [
    textOf(overview.name),
    isObject(peer?.paused) ? 'Paused' : enabled && online ? 'Online' : 'Offline',
    ageText(last.connectTime, nowMs),
    ageText(objectOf(last.status).lastUpdateTime, nowMs),
    String(sum('responsesSent')),
    String(sum('responsesRejected')),
    textOf(objectOf(objectOf(last.version).kumaCp).version),
    backendOf(textOf(last.config)),
  ]
}

const guardsOf = (peer: JsonObject = {}): readonly string[] => [
  String(peer.refusedByPeer ?? 0),
  String(peer.refused ?? 0),
  String(Number(peer.held ?? 0) + Number(peer.heldByPeer ?? 0)),
]

/** The longest lag of a channel, and the oldest of what was proven last. A plain Kuma zone proves nothing. */
function lagOf(peer: JsonObject = {}, nowMs: number): readonly string[] {
  const channels = objectsOf(peer.channels)
  const lags = channels.flatMap(({ lagSeconds }) => (typeof lagSeconds === 'number' ? [lagSeconds] : []))
  const proven = channels.map(({ provenEqualAt }) => textOf(provenEqualAt)).sort()[0] ?? ''
  return [
    lags.length === 0 ? '' : `${Math.max(...lags)}s`,
    peer.kuma === true || proven === '' ? '' : ageText(proven, nowMs),
  ]
}

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** The store that the zone's configuration names; '' where it does not say. */
function backendOf(config: string): string {
  try {
    return textOf(objectOf(objectOf(JSON.parse(config) as unknown).store).type)
  } catch {
    return ''
  }
}

export const inspectZonesCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['inspect zones', 'in the columns of kumactl, and what is refused and held']],
  run: async ({ io, api, output }) => inspectZones(io, await api(), { output }),
})
