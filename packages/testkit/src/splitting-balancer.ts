import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js'
import { KDSSyncService } from '@holdfast/proto'
import { freePort } from './free-port.js'

export interface SplittingBalancer {
  readonly port: number
  /** Calls taken so far, by method. */
  counts(): Readonly<Record<string, number>>
  /** Ends the living calls of a method, and only those, with a status (0: in order). @returns how many there were */
  end(method: 'globalToZoneSync' | 'zoneToGlobalSync', code: number): number
  close(): Promise<void>
}

const asIs = (bytes: Buffer): Buffer => bytes

/** A balancer of requests, as a proxy in front of several globals may be: each of the two streams goes to a port of its own. */
export async function startSplittingBalancer(targets: {
  readonly globalToZoneSync: number
  readonly zoneToGlobalSync: number
}): Promise<SplittingBalancer> {
  const server = new Server()
  const clients: Client[] = []
  const counts: Record<string, number> = {}
  const living = new Map<string, Set<ServerDuplexStream<Buffer, Buffer>>>()
  for (const [method, port] of Object.entries(targets)) {
    const name = method === 'globalToZoneSync' ? 'GlobalToZoneSync' : 'ZoneToGlobalSync'
    const path = `/${KDSSyncService.typeName}/${name}`
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    clients.push(client)
    const handle = (call: ServerDuplexStream<Buffer, Buffer>): void => {
      counts[method] = (counts[method] ?? 0) + 1
      const calls = living.get(method) ?? new Set()
      living.set(method, calls.add(call))
      const metadata = new Metadata()
      for (const [key, values] of Object.entries(call.metadata.toJSON()))
        if (!/^(grpc-|:|content-type$|te$|user-agent$)/.test(key))
          for (const value of values) metadata.add(key, String(value))
      const there: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
      there.on('metadata', (headers) => call.sendMetadata(headers))
      there.on('error', () => {})
      there.on('status', ({ code, details }) => {
        calls.delete(call)
        if (code === 0) call.end()
        else call.emit('error', Object.assign(new Error(details), { code, details }))
      })
      there.on('data', (bytes: Buffer) => call.write(bytes))
      call.on('data', (bytes: Buffer) => there.write(bytes))
      call.on('end', () => there.end())
      call.on('cancelled', () => {
        calls.delete(call)
        there.cancel()
      })
      call.on('error', () => {})
    }
    server.register(path, handle, asIs, asIs, 'bidi')
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${freePort()}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    port,
    counts: () => counts,
    end: (method, code) => {
      const calls = [...(living.get(method) ?? [])]
      living.delete(method)
      for (const call of calls)
        if (code === 0) call.end()
        else
          call.emit(
            'error',
            Object.assign(new Error('ended by the balancer'), { code, details: 'ended by the balancer' }),
          )
      return calls.length
    },
    close: async () => {
      server.forceShutdown()
      for (const client of clients) client.close()
    },
  }
}
