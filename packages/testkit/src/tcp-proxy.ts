import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './free-port.js'
import { createLevel } from './level.js'
import { type LinkShape, TcpFlow } from './tcp-flow.js'

export interface TcpProxyOptions {
  readonly targetPort: number
  /** 127.0.0.1 unless said otherwise. */
  readonly targetHost?: string | undefined
  /** Any free one unless said otherwise; it is the same after it was refused. */
  readonly port?: number | undefined
}

export interface TcpProxyCounts {
  readonly bytesToTarget: number
  readonly bytesFromTarget: number
  /** Connections accepted since the start. */
  readonly accepted: number
}

/** A cable between two processes that a test can damage. Loopback only. */
export interface TcpProxy {
  readonly port: number
  counts(): TcpProxyCounts
  connections(): number
  /** Resolves once exactly so many connections pass. */
  connected(count: number): Promise<void>
  /** Ends every connection: with a reset, as when a process or host dies, or in order. New ones are still accepted. */
  cut(how: 'reset' | 'fin'): void
  /** New connections are refused by the operating system; those there are stay. */
  refuse(): Promise<void>
  /**
   * Nothing passes and nothing ends, as when a cable is pulled: both ends believe that they are connected.
   * @param direction only what goes there; both unless said otherwise
   */
  freeze(direction?: 'toTarget' | 'fromTarget'): void
  /** New connections go there; those that there are stay. */
  retarget(port: number): void
  /** Undoes `refuse` and `freeze`; what was on its way goes on. */
  restore(): Promise<void>
  shape(shape: Partial<LinkShape>): void
  /** Resets what is left. Idempotent. */
  close(): Promise<void>
}

type Direction = 'toTarget' | 'fromTarget'
const directions: readonly Direction[] = ['toTarget', 'fromTarget']

interface Connection {
  readonly near: Socket
  readonly far: Socket
  /** In the order of `directions`. */
  readonly flows: readonly TcpFlow[]
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const host = '127.0.0.1'
  const connections = new Set<Connection>()
  const level = createLevel()
  let counts: TcpProxyCounts = { bytesToTarget: 0, bytesFromTarget: 0, accepted: 0 }
  let shape: LinkShape = { latencyMs: 0 }
  let targetPort = options.targetPort
  let frozen: ReadonlySet<Direction> = new Set()
  let closing: Promise<void> | undefined

  const accept = (near: Socket): void => {
    counts = { ...counts, accepted: counts.accepted + 1 }
    // Half-open on purpose: the end of one direction is passed on like everything else.
    const far = connect({ host: options.targetHost ?? host, port: targetPort, allowHalfOpen: true })
    for (const socket of [near, far]) socket.setNoDelay(true)
    const flow = (direction: Direction, from: Socket, to: Socket, forwarded: (bytes: number) => void) =>
      new TcpFlow(from, to, { shape: () => shape, frozen: frozen.has(direction), forwarded })
    const connection: Connection = {
      near,
      far,
      flows: [
        flow('toTarget', near, far, (bytes) => {
          counts = { ...counts, bytesToTarget: counts.bytesToTarget + bytes }
        }),
        flow('fromTarget', far, near, (bytes) => {
          counts = { ...counts, bytesFromTarget: counts.bytesFromTarget + bytes }
        }),
      ],
    }
    connections.add(connection)
    const gone = (other: Socket): void => {
      if (!other.destroyed) other.resetAndDestroy()
      if (!near.destroyed || !far.destroyed) return
      for (const one of connection.flows) one.stop()
      connections.delete(connection)
      level.changed()
    }
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      // An error is followed by `close`; only a close in error is passed on as a reset.
      socket.on('error', () => {})
      socket.on('close', (hadError) => {
        if (hadError) gone(other)
        else if (other.destroyed) gone(other)
      })
    }
    level.changed()
  }

  let server: Server | undefined
  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const listening = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept)
      listening.once('error', reject)
      listening.listen(port, host, () => {
        const address = listening.address()
        server = listening
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  const stopListening = (): void => {
    server?.close()
    server = undefined
  }

  const port = await listen(options.port ?? freePort())
  const reset = (): void => {
    for (const { near, far } of connections) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }

  return {
    port,
    counts: () => counts,
    connections: () => connections.size,
    connected: (count) => level.until(() => connections.size === count),
    cut(how) {
      if (how === 'reset') reset()
      else
        for (const { near, far } of connections) {
          near.end()
          far.end()
        }
    },
    async refuse() {
      stopListening()
    },
    freeze(direction) {
      frozen = new Set(direction === undefined ? directions : [direction])
      for (const { flows } of connections)
        for (const [i, flow] of flows.entries()) if (frozen.has(directions[i] ?? 'toTarget')) flow.freeze()
    },
    retarget(port) {
      targetPort = port
    },
    async restore() {
      frozen = new Set()
      for (const { flows } of connections) for (const flow of flows) flow.thaw()
      if (server === undefined && closing === undefined) await listen(port)
    },
    shape(change) {
      shape = { ...shape, ...change }
    },
    close() {
      closing ??= (async () => {
        stopListening()
        reset()
        await level.until(() => connections.size === 0)
      })()
      return closing
    },
  }
}
