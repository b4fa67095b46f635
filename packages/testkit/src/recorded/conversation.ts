import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fromBinary } from '@bufbuild/protobuf'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'

interface Line {
  readonly ms: number
  readonly stream: number
  readonly method: string
  readonly from?: 'zone' | 'global'
  readonly base64?: string
  readonly event?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** One message of a recorded stream, as it was on the wire. */
export interface RecordedMessage {
  readonly ms: number
  readonly from: 'zone' | 'global'
  readonly type: string
  readonly nonce: string
  readonly bytes: Buffer
}

/** One connection of a zone: both sync streams, whoever dialled when. */
export interface RecordedConnection {
  readonly zone: string
  readonly metadata: Readonly<Record<string, string>>
  /** GlobalToZoneSync. */
  readonly down: readonly RecordedMessage[]
  /** ZoneToGlobalSync. */
  readonly up: readonly RecordedMessage[]
}

/** The moments at which states were taken, each before the next thing was done. */
export const recordedMoments = ['1-joined', '2-services', '3-changed', '4-zone-2-back', '5-global-back'] as const
export type RecordedMoment = (typeof recordedMoments)[number]

export interface RecordedConversation {
  /** Per zone, in order; attempts that nobody answered are left out. */
  readonly connections: Readonly<Record<string, readonly RecordedConnection[]>>
  /** When each state was taken, on the clock of the messages. */
  readonly atMs: Readonly<Record<RecordedMoment, number>>
}

const file = (folder: string, name: string): Buffer =>
  readFileSync(new URL(`../../../model/testdata/${folder}/${name}`, import.meta.url))

/** The steps were written down by a clock that is so much behind that of the messages. */
const clocksApartMs = 590

export function recordedConversation(folder: string): RecordedConversation {
  const lines = gunzipSync(file(folder, 'conversation.ndjson.gz'))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const steps = (JSON.parse(file(folder, 'steps.json').toString('utf8')) as readonly { readonly ms: number }[]).map(
    ({ ms }) => ms + clocksApartMs,
  )
  const at = (step: number, laterMs: number): number => (steps[step] ?? Number.POSITIVE_INFINITY) + laterMs
  return {
    connections: connectionsOf(lines),
    atMs: {
      '1-joined': at(1, -1_000),
      '2-services': at(3, -1_000),
      // A step is noted when it is done, and a zone takes three seconds to stop.
      '3-changed': at(4, 3_500),
      '4-zone-2-back': at(8, -1_000),
      '5-global-back': Number.POSITIVE_INFINITY,
    },
  }
}

function connectionsOf(lines: readonly Line[]): RecordedConversation['connections'] {
  const opened = new Map<
    number,
    { method: string; metadata: Readonly<Record<string, string>>; messages: RecordedMessage[] }
  >()
  for (const { ms, stream, method, from, base64, event, metadata = {} } of lines) {
    if (event === 'open') opened.set(stream, { method, metadata, messages: [] })
    else if (from !== undefined && base64 !== undefined && isSync(method))
      opened.get(stream)?.messages.push(messageOf(method, { ms, from, bytes: Buffer.from(base64, 'base64') }))
  }
  const found: Record<string, { down?: (typeof streams)[number]; up?: (typeof streams)[number] }[]> = {}
  const streams = [...opened.values()].filter(
    ({ method, messages }) => isSync(method) && messages.some(({ from }) => from === 'global'),
  )
  for (const stream of streams) {
    const zone = stream.metadata['client-id'] ?? ''
    const side = stream.method === 'GlobalToZoneSync' ? 'down' : 'up'
    found[zone] ??= []
    const open = found[zone].find((connection) => connection[side] === undefined)
    if (open === undefined) found[zone].push({ [side]: stream })
    else open[side] = stream
  }
  return Object.fromEntries(
    Object.entries(found).map(([zone, list]) => [
      zone,
      list.map(({ down, up }) => ({
        zone,
        metadata: up?.metadata ?? {},
        down: down?.messages ?? [],
        up: up?.messages ?? [],
      })),
    ]),
  )
}

const isSync = (method: string): boolean => method === 'GlobalToZoneSync' || method === 'ZoneToGlobalSync'

function messageOf(method: string, line: Pick<RecordedMessage, 'ms' | 'from' | 'bytes'>): RecordedMessage {
  const isRequest = (method === 'GlobalToZoneSync') === (line.from === 'zone')
  if (isRequest) {
    const { typeUrl, responseNonce } = fromBinary(DeltaDiscoveryRequestSchema, line.bytes)
    return { ...line, type: typeUrl, nonce: responseNonce }
  }
  const { typeUrl, nonce } = fromBinary(DeltaDiscoveryResponseSchema, line.bytes)
  return { ...line, type: typeUrl, nonce }
}
