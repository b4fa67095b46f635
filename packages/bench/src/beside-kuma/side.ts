import { ControlPlane, type KumaCp, startKuma, startTcpProxy, type TcpProxy } from '@holdfast/testkit'
import type { FreshDatabase } from '../stand/server.js'

export interface SidePlane {
  readonly name: string
  readonly pid: number
  readonly apiUrl: string
  readonly databaseUrl: string
}

/** A mesh of a global and two zones on databases of their own, whoever's control planes they are. */
export interface Side {
  readonly product: string
  /** Global, zone-1, zone-2. */
  readonly planes: readonly [SidePlane, SidePlane, SidePlane]
  /** Of either zone, to global. */
  readonly cables: readonly TcpProxy[]
  close(): Promise<void>
}

type Close = () => Promise<unknown>
export const zoneNames = ['zone-1', 'zone-2'] as const

/** Closes what was opened, last first, whether or not all of it was opened. */
async function opened<T>(open: (closers: Close[]) => Promise<T>): Promise<T & { close(): Promise<void> }> {
  const closers: Close[] = []
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    return { ...(await open(closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Real Kumas as they come: nothing of their pace is changed. Both sides speak plain text. */
export function kumaSide(empty: FreshDatabase): Promise<Side> {
  return opened(async (closers) => {
    const start = async (name: string, zone: object): Promise<{ cp: KumaCp; plane: SidePlane }> => {
      const { url } = await empty()
      const cp = await startKuma({ ...zone, databaseUrl: url, stock: true })
      closers.push(() => cp.stop())
      return { cp, plane: { name, pid: cp.pid, apiUrl: `http://127.0.0.1:${cp.apiPort}`, databaseUrl: url } }
    }
    const global = await start('global', {})
    const cables: TcpProxy[] = []
    const zone = async (name: string): Promise<SidePlane> => {
      const cable = await startTcpProxy({ targetPort: global.cp.kdsPort })
      closers.push(() => cable.close())
      cables.push(cable)
      return (await start(name, { zone: name, globalAddress: `grpc://127.0.0.1:${cable.port}` })).plane
    }
    const [one, two] = [await zone(zoneNames[0]), await zone(zoneNames[1])]
    return { product: await productOf(global.plane), planes: [global.plane, one, two], cables }
  })
}

/** Ours, as processes of their own. */
export function holdfastSide(fresh: FreshDatabase, folder: string, signal: AbortSignal): Promise<Side> {
  return opened(async (closers) => {
    const start = async (name: string, role: 'global' | 'zone', flags: readonly string[]) => {
      const { url } = await fresh()
      const process = new ControlPlane({ name, role, databaseUrl: url, folder, flags, signal, startTimeoutMs: 120_000 })
      closers.push(() => process.stop())
      await process.start()
      if (process.pid === undefined) throw new Error(`${name} does not run`)
      return { process, plane: { name, pid: process.pid, apiUrl: process.apiUrl, databaseUrl: url } }
    }
    const global = await start('global', 'global', ['--kds-tls', 'off', '--allow-unauthenticated-zone', '*'])
    const cables: TcpProxy[] = []
    const zone = async (name: string): Promise<SidePlane> => {
      const cable = await startTcpProxy({ targetPort: global.process.ports.kds ?? 0 })
      closers.push(() => cable.close())
      cables.push(cable)
      return (await start(name, 'zone', ['--global-address', `grpc://127.0.0.1:${cable.port}`])).plane
    }
    const [one, two] = [await zone(zoneNames[0]), await zone(zoneNames[1])]
    return { product: 'Holdfast', planes: [global.plane, one, two], cables }
  })
}

async function productOf({ apiUrl }: SidePlane): Promise<string> {
  const { product, version } = (await (await fetch(apiUrl)).json()) as { product: string; version: string }
  return `${product} ${version}`
}
