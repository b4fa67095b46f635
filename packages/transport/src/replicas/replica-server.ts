import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { type StreamName, streamNames } from '../codec/streams.js'
import { defaultLimits, grpcOptions, serveKeepaliveMs } from '../limits.js'
import { asIs, syncPaths } from '../methods.js'
import { statusNumber } from '../status.js'
import { type LineOptions, listenSecurely } from './secure-line.js'

/** What a replica asks another one, bytes in, bytes out. */
export const askPath = '/holdfast.replicas.v1.Replicas/Ask'

export interface ReplicaServerOptions extends LineOptions {
  /** @throws Error whose message the asking replica gets */
  readonly answer: (body: Buffer) => Promise<Buffer>
  /** A stream of a zone that has come to another replica, and whose partner is here. */
  readonly onForwarded: (stream: StreamName, call: ServerDuplexStream<Buffer, Buffer>) => void
}

export interface ReplicaServer {
  readonly port: number
  close(): Promise<void>
}

/** Listens for the other replicas of this database, and for nobody else. @throws Problem `unavailable` */
export async function serveReplicas({ answer, onForwarded, ...line }: ReplicaServerOptions): Promise<ReplicaServer> {
  const server = new Server(grpcOptions(defaultLimits, serveKeepaliveMs))
  server.register(
    askPath,
    (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
      answer(call.request).then(
        (bytes) => respond(null, bytes),
        (error: unknown) => respond({ code: statusNumber('UNAVAILABLE'), details: (error as Error).message }),
      )
    },
    asIs,
    asIs,
    'unary',
  )
  for (const stream of streamNames)
    server.register(
      syncPaths[stream],
      (call: ServerDuplexStream<Buffer, Buffer>) => onForwarded(stream, call),
      asIs,
      asIs,
      'bidi',
    )
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const listening = await listenSecurely(line, (connection) => injector.injectConnection(connection))
  return {
    port: listening.port,
    close: async () => {
      await listening.close()
      injector.destroy()
      server.forceShutdown()
    },
  }
}
