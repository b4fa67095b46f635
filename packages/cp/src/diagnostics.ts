import Fastify from 'fastify'
import type { Registry } from 'prom-client'
import { takeSocket } from './lifecycle/inherited-sockets.js'

export interface Readiness {
  readonly ready: boolean
  /** Why not, or what to know although it is. */
  readonly reasons: readonly string[]
}

export interface DiagnosticsOptions {
  readonly address: string
  /** Of a socket that is listened on already, in the place of address and port. */
  readonly descriptor?: number | undefined
  readonly port: number
  readonly registry: Registry
  readonly readiness: () => Promise<Readiness>
}

export interface Listening {
  readonly port: number
  close(): Promise<void>
}

/** `/healthy`: the process runs. `/ready`: it may be sent work, with reasons. `/metrics`: Prometheus text. */
export async function serveDiagnostics(options: DiagnosticsOptions): Promise<Listening> {
  const app = Fastify({ logger: false, forceCloseConnections: true })
  app.get('/healthy', () => ({ status: 'healthy' }))
  app.get('/ready', async (_request, reply) => {
    const { ready, reasons } = await options.readiness().catch((error: unknown) => ({
      ready: false,
      reasons: [`readiness could not be told: ${(error as Error).message}`],
    }))
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', reasons })
  })
  app.get('/metrics', async (_request, reply) =>
    reply.type(options.registry.contentType).send(await options.registry.metrics()),
  )
  takeSocket(app.server, options.descriptor)
  await app.listen({ host: options.address, port: options.port })
  const bound = app.server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    close: () => app.close(),
  }
}
