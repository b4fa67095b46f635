import type { Server } from 'node:https'
import { type ApiOptions, createApi } from '@holdfast/api'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'
import { takeSocket } from '../lifecycle/inherited-sockets.js'
import type { Scope } from '../lifecycle/scope.js'
import type { IdentityParts } from './identity.js'
import { listenProblem } from './problems.js'

/** The same API over TLS, for users elsewhere. @returns its port; undefined if it is not served so */
export async function serveApiTls(
  options: ApiOptions,
  identity: IdentityParts,
  settings: Settings,
  scope: Scope,
  log: Logger,
  descriptor: number | undefined,
): Promise<number | undefined> {
  const { apiTlsAddress: host, apiTlsPort: port } = settings
  if (host === undefined) return undefined
  let server: Server | undefined
  const tls = await identity.apiTls(({ cert, key }) => server?.setSecureContext({ cert, key, minVersion: 'TLSv1.3' }))
  if (tls === undefined) return undefined
  const api = createApi({ ...options, tls })
  server = api.server as unknown as Server
  takeSocket(api.server, descriptor)
  await api.listen({ host, port }).catch((error: unknown) => {
    throw listenProblem('HTTP API over TLS', '--api-tls-port', host, port, error)
  })
  scope.own('HTTP API over TLS', async () => {
    await api.close()
  })
  const bound = api.server.address()
  const listens = typeof bound === 'object' && bound !== null ? bound.port : port
  log.info({ address: host, port: listens }, 'the HTTP API is served over TLS')
  return listens
}
