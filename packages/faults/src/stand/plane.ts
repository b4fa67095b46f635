import { byHand } from '@holdfast/store/testing'
import type { ControlPlane, TcpProxy } from '@holdfast/testkit'
import type { Cluster } from './cluster.js'

/** A process of a control plane with its cables. */
export interface Plane {
  readonly name: string
  readonly process: ControlPlane
  readonly cluster: Cluster
  /** Its database, past the cable. */
  readonly url: string
  /** The cable to its database. */
  readonly database: TcpProxy
  /** Zones: the cable to each global, in their order. */
  readonly links: readonly TcpProxy[]
}

export interface PeerState {
  readonly peer: string
  readonly connected: boolean
  readonly sessionId?: string | null
  readonly bytesToProven?: number
  readonly lastError?: string | null
  readonly channels: readonly {
    readonly channel: string
    readonly phase: string
    readonly inStep: boolean
    /** Age of the oldest change that was not acked. */
    readonly lagSeconds: number | null
  }[]
}

/** Long: how soon something is answered is no question here, and a thousand services come in one request. */
const answerTimeoutMs = 180_000

/** @throws Error with what was answered if it is not what was asked for */
export async function ask<T>(plane: Plane, method: string, path: string, body?: unknown): Promise<T> {
  const { status, body: said } = await answer(plane, method, path, body)
  if (status >= 300) throw new Error(`${plane.name}: ${method} ${path} answered ${status}: ${JSON.stringify(said)}`)
  return said as T
}

/** @returns whatever was answered */
export async function answer(
  plane: Plane,
  method: string,
  path: string,
  body?: unknown,
  timeoutMs = answerTimeoutMs,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`${plane.process.apiUrl}${path}`, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  })
  const text = await response.text()
  return { status: response.status, body: /^[[{]/.test(text) ? (JSON.parse(text) as unknown) : text }
}

export const peersOf = async (plane: Plane): Promise<readonly PeerState[]> =>
  (await ask<{ readonly peers: readonly PeerState[] }>(plane, 'GET', '/_holdfast/sync')).peers

/** The zone's session with global, as the zone sees it. */
export const sessionOf = async (zone: Plane): Promise<PeerState | undefined> => (await peersOf(zone))[0]

/** Where the global listens that a zone has dialled; undefined: it has no session. */
export async function dialled(zone: Plane): Promise<string | undefined> {
  const { peers, globalEndpoints = [] } = await ask<{
    readonly peers: readonly PeerState[]
    readonly globalEndpoints?: readonly { readonly address: string; readonly state: string }[]
  }>(zone, 'GET', '/_holdfast/sync')
  if (peers[0]?.connected !== true) return undefined
  return globalEndpoints.find(({ state }) => state === 'in use')?.address
}

/** Proven equal in the session that it has; while others change things both ends are seldom in step in the same moment. */
export const isProven = (peer: PeerState | undefined): boolean =>
  peer?.connected === true && peer.bytesToProven !== undefined

export const isInStep = (peer: PeerState | undefined): boolean =>
  peer?.connected === true && peer.channels.length > 0 && peer.channels.every((channel) => channel.inStep)

export interface Readiness {
  readonly ready: boolean
  readonly words: string
}

export async function readinessOf(plane: Plane): Promise<Readiness> {
  const response = await fetch(`http://127.0.0.1:${plane.process.ports.diagnostics}/ready`, {
    signal: AbortSignal.timeout(answerTimeoutMs),
  })
  return { ready: response.status === 200, words: await response.text() }
}

/** Sum of a metric over the labels given. */
export async function metric(
  plane: Plane,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${plane.process.ports.diagnostics}/metrics`, {
    signal: AbortSignal.timeout(answerTimeoutMs),
  })
  return (await response.text())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** A MeshService as a zone's API takes it. */
export const serviceBody = (name: string, port = 80): Readonly<Record<string, unknown>> => ({
  ...{ type: 'MeshService', mesh: 'default', name, labels: { 'kuma.io/origin': 'zone' } },
  spec: {
    selector: { dataplaneLabels: { matchLabels: { app: name } } },
    ports: [{ port, targetPort: 80, appProtocol: 'http' }],
  },
})

export const putService = (zone: Plane, name: string, port = 80): Promise<unknown> =>
  ask(zone, 'PUT', `/meshes/default/meshservices/${name}`, serviceBody(name, port))

export const deleteService = (zone: Plane, name: string): Promise<unknown> =>
  ask(zone, 'DELETE', `/meshes/default/meshservices/${name}`)

/** Many at once, all or nothing. */
export const applyServices = (zone: Plane, names: readonly string[], port = 80): Promise<unknown> =>
  ask(
    zone,
    'POST',
    '/_apply',
    names.map((name) => serviceBody(name, port)),
  )

export interface StoredService {
  readonly name: string
  readonly origin: string
  readonly port: number
  readonly vips: string
}

/** Living services in a store whose display names begin so, as they stand there. */
export async function stored(plane: Plane, prefix: string): Promise<readonly StoredService[]> {
  return byHand<{ name: string; origin: string; port: number; vips: string } & Record<string, unknown>>(
    plane.url,
    `select display_name as name, origin, encode(vips, 'hex') as vips,
       (convert_from(spec, 'UTF8')::jsonb -> 'ports' -> 0 ->> 'port')::integer as port
     from resources where type = 'MeshService' and not deleted and starts_with(display_name, $1) order by 1, 2`,
    [prefix],
  )
}
