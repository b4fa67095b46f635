import type { AddressInfo, Server } from 'node:net'
import { Problem } from '@holdfast/model'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'

/** What a socket unit may open for us (`FileDescriptorName=`). */
export const socketNames = ['api', 'api-tls', 'kds', 'diagnostics'] as const
export type SocketName = (typeof socketNames)[number]

/** Of listening sockets by name, their file descriptors. */
export type InheritedSockets = Readonly<Partial<Record<SocketName, number>>>

/** Below are standard input, output and error. */
const firstDescriptor = 3

/**
 * Sockets that the service manager listens on and hands over, as `sd_listen_fds` tells them: whoever dials while the program
 * starts, or is started anew, waits instead of being refused. What was handed to another process is not ours.
 * @throws Problem `invalid` for a name that means nothing here, or one that is there twice
 */
export function inheritedSockets(
  env: Readonly<Record<string, string | undefined>>,
  processId: number,
): InheritedSockets {
  const count = Number(env.LISTEN_FDS ?? 0)
  if (env.LISTEN_PID !== String(processId) || !(count > 0)) return {}
  const names = (env.LISTEN_FDNAMES ?? '').split(':')
  const sockets: Partial<Record<SocketName, number>> = {}
  for (let at = 0; at < count; at++) {
    const name = socketNames.find((known) => known === names[at])
    if (name === undefined)
      throw new Problem(
        'invalid',
        `the service manager hands over a socket named ${JSON.stringify(names[at] ?? '')}: its unit must say FileDescriptorName= with one of ${socketNames.join(', ')}`,
      )
    if (sockets[name] !== undefined)
      throw new Problem('invalid', `the service manager hands over two sockets named ${name}: one address is enough`)
    sockets[name] = firstDescriptor + at
  }
  return sockets
}

/**
 * What this process was given, taken out of its environment so that no child takes it for its own.
 * @throws Problem `invalid` if zones could come in over it in plaintext or unproven, from whoever knows where
 */
export function takenOver(
  { kdsTls, unauthenticatedZones }: Pick<Settings, 'kdsTls' | 'unauthenticatedZones'>,
  log: Logger,
): InheritedSockets {
  const sockets = inheritedSockets(process.env, process.pid)
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name]
  // Where it is bound is the unit's to say, and nothing here can hold it to loopback.
  if (sockets.kds !== undefined && (kdsTls === 'off' || unauthenticatedZones.includes('*')))
    throw new Problem(
      'invalid',
      'the socket kds of the service manager may be reachable from anywhere: not with --kds-tls off, nor with --allow-unauthenticated-zone *',
    )
  if (Object.keys(sockets).length > 0)
    log.info({ sockets: Object.keys(sockets) }, 'listening on sockets of the service manager')
  return sockets
}

/** Lets a server that is about to listen at an address do so on a socket that is bound already. */
export function takeSocket(server: Pick<Server, 'listen'>, descriptor: number | undefined): void {
  if (descriptor === undefined) return
  const listen = server.listen.bind(server)
  // The framework keeps books of what listens, so it shall call `listen`; what it says of host and port is in the socket.
  server.listen = ((): unknown => listen({ fd: descriptor })) as typeof server.listen
}

/** @throws Problem `invalid` for the HTTP API without TLS where others than this machine could reach it */
export function checkLoopback(bound: AddressInfo | string | null): void {
  const address = typeof bound === 'object' && bound !== null ? bound.address : String(bound)
  if (address === '::1' || address.startsWith('127.')) return
  throw new Problem(
    'invalid',
    `the socket api of the service manager is at ${address}, and this port has no TLS: its unit must say ListenStream=127.0.0.1:PORT; others are served over TLS, with a socket named api-tls`,
  )
}
