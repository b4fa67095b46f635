import { rowsWritten } from '@holdfast/store/testing'
import type { ControlPlane } from '@holdfast/testkit'

/** A service as one control plane tells of it. */
export interface SeenService {
  readonly key: string
  readonly name: string
  readonly zone: string
  readonly vips: readonly string[]
  readonly hostnames: readonly string[]
}

interface RestService {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly status?: {
    readonly vips?: readonly { readonly ip: string }[]
    readonly addresses?: readonly { readonly hostname: string }[]
  }
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}

/** All MeshServices that a control plane knows, by what identifies them everywhere. */
export async function services(plane: ControlPlane): Promise<ReadonlyMap<string, SeenService>> {
  const { items } = await getJson<{ readonly items: readonly RestService[] }>(`${plane.apiUrl}/meshservices?size=1000`)
  return new Map(
    items.map((item): [string, SeenService] => {
      const labels = item.labels ?? {}
      const name = labels['kuma.io/display-name'] ?? item.name
      const zone = labels['kuma.io/zone'] ?? ''
      const key = `${zone}/${labels['k8s.kuma.io/namespace'] ?? ''}/${name}`
      return [
        key,
        {
          key,
          name,
          zone,
          vips: (item.status?.vips ?? []).map((v) => v.ip),
          hostnames: (item.status?.addresses ?? []).map((a) => a.hostname),
        },
      ]
    }),
  )
}

/** Which addresses differ between control planes, in words. */
export function differences(views: ReadonlyMap<string, ReadonlyMap<string, SeenService>>): readonly string[] {
  const keys = new Set([...views.values()].flatMap((view) => [...view.keys()]))
  return [...keys].sort().flatMap((key) => {
    const told = [...views].map(([plane, view]) => `${plane}: ${view.get(key)?.vips.join(' ') ?? 'unknown'}`)
    const answers = new Set(told.map((t) => t.slice(t.indexOf(':'))))
    return answers.size === 1 ? [] : [`${key} (${told.join(', ')})`]
  })
}

export interface PeerState {
  readonly peer: string
  readonly connected: boolean
  readonly sessionId?: string
  readonly bytesToProven?: number
  readonly channels: readonly { readonly channel: string; readonly phase: string; readonly inStep: boolean }[]
}

export async function peers(plane: ControlPlane): Promise<readonly PeerState[]> {
  return (await getJson<{ readonly peers: readonly PeerState[] }>(`${plane.apiUrl}/_holdfast/sync`)).peers
}

export const inStep = (peer: PeerState | undefined): boolean =>
  peer?.connected === true && peer.channels.length > 0 && peer.channels.every((c) => c.inStep)

/** Sum of a counter over the labels given, from `/metrics`. */
export async function counter(
  plane: ControlPlane,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${plane.ports.diagnostics}/metrics`)
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith(`${name}{`))
  return lines
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Tables that a reconnect may write: who is connected, since when, and how far. Everything else must stay untouched. */
const bookkeeping = new Set(['sessions', 'session_fence', 'heartbeats', 'cursors'])

/** Rows that triggers counted as inserted, updated or deleted, bookkeeping apart. */
export async function writtenRows(planes: readonly ControlPlane[]): Promise<number> {
  let sum = 0
  for (const plane of planes)
    for (const [table, rows] of Object.entries(await rowsWritten(plane.databaseUrl)))
      if (!bookkeeping.has(table)) sum += rows
  return sum
}
