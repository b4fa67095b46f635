/** How a peer stands, in the order of what an operator should worry about. */
export type Standing = 'good' | 'late' | 'bad' | 'away'

export interface Peer {
  readonly name: string
  readonly kuma: boolean
  readonly standing: Standing
  /** In one or two words, beside the node. */
  readonly words: string
  /** RFC 3339, or null: when it came or went. */
  readonly since: string | null
  /** The farthest of all channels; null where none tells. */
  readonly lagSeconds: number | null
  /** The longest ago of all channels. */
  readonly provenSecondsAgo: number | null
  /** Of theirs here, and of ours there. */
  readonly refused: number
  readonly held: number
  readonly lastError: string | null
}

export interface Block {
  readonly cidr: string
  readonly kind: string
  readonly owner: string
  readonly used: number
  /** 0 to 1. */
  readonly load: number
}

export interface Attention {
  readonly what: string
  readonly since: string | null
  readonly next: string
}

/** What the page shows of a control plane: `GET /_holdfast/overview`. */
export interface Overview {
  readonly name: string
  readonly mode: string
  readonly version: string
  readonly state: string
  readonly reasons: readonly string[]
  readonly revision: string
  readonly resources: number
  readonly pendingVips: number
  readonly peers: readonly Peer[]
  readonly blocks: readonly Block[]
  readonly attention: readonly Attention[]
}

type Json = Readonly<Record<string, unknown>>

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const objectsIn = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : [])
export const stringIn = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
const numberIn = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
export const timeIn = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** A server of another version may leave things out: what is not there is shown as empty, never as an error. */
export function overviewOf(body: unknown): Overview {
  const json = isJson(body) ? body : {}
  return {
    name: stringIn(json.controlPlane),
    mode: stringIn(json.mode),
    // In front of it stands the version of Kuma whose API this is, for kumactl.
    version: stringIn(json.version).split('.holdfast-').at(-1) ?? '',
    state: stringIn(json.state),
    reasons: Array.isArray(json.reasons) ? json.reasons.map(String) : [],
    revision: isJson(json.head) ? stringIn(json.head.revision) : '',
    resources: numberIn(json.resources),
    pendingVips: numberIn(json.pendingVips),
    peers: objectsIn(json.peers).map(peerOf),
    blocks: objectsIn(json.blocks).map((block) => ({
      cidr: stringIn(block.cidr),
      kind: stringIn(block.kind),
      owner: stringIn(block.zone) || 'global',
      used: numberIn(block.used),
      load: numberIn(block.load),
    })),
    attention: objectsIn(json.attention).map((each) => ({
      what: stringIn(each.what),
      since: timeIn(each.since),
      next: stringIn(each.next),
    })),
  }
}

/** Behind by more than this is worth a colour; less is a change that is under way. */
const lateSeconds = 5

function peerOf(json: Json): Peer {
  const channels = objectsIn(json.channels)
  const lags = channels.flatMap(({ lagSeconds }) => (typeof lagSeconds === 'number' ? [lagSeconds] : []))
  const proven = channels.flatMap(({ provenEqualSecondsAgo: ago }) => (typeof ago === 'number' ? [ago] : []))
  const refused = numberIn(json.refused) + numberIn(json.refusedByPeer)
  const held = numberIn(json.held) + numberIn(json.heldByPeer)
  const connected = json.connected === true
  const diverged = channels.some(({ phase }) => phase === 'diverged')
  const inStep = channels.length > 0 && channels.every((channel) => channel.inStep === true)
  const lagSeconds = lags.length > 0 ? Math.max(...lags) : inStep ? 0 : null
  const [standing, words]: readonly [Standing, string] = !connected
    ? ['away', 'not connected']
    : diverged
      ? ['bad', 'diverged']
      : refused + held > 0
        ? ['late', [refused > 0 ? `${refused} refused` : '', held > 0 ? `${held} held` : ''].filter(Boolean).join(', ')]
        : inStep || (json.kuma === true && (lagSeconds ?? 0) <= lateSeconds)
          ? ['good', 'in step']
          : (lagSeconds ?? 0) > lateSeconds
            ? ['late', `${Math.round(lagSeconds ?? 0)} s behind`]
            : ['late', 'catching up']
  return {
    name: stringIn(json.peer),
    kuma: json.kuma === true,
    ...{ standing, words, lagSeconds, refused, held },
    since: timeIn(json.since),
    provenSecondsAgo: proven.length === 0 ? null : Math.max(...proven),
    lastError: connected ? null : timeIn(json.lastError),
  }
}
