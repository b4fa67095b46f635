import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { Problem } from '@holdfast/model'
import type { Settings } from '../config/settings.js'
import type { InheritedSockets, SocketName } from '../lifecycle/inherited-sockets.js'
import { listenProblem } from './problems.js'

interface Listener {
  readonly socket: SocketName | undefined
  readonly what: string
  readonly flag: string
  readonly address: string
  readonly port: number
  /** As well as TCP. */
  readonly udp?: boolean
}

/** Everything that a control plane of this role listens on. */
const listenersOf = (role: 'global' | 'zone', s: Settings): readonly Listener[] => [
  { socket: 'api', what: 'HTTP API', flag: '--api-port', address: s.apiAddress, port: s.apiPort },
  ...(role === 'global'
    ? [{ socket: 'kds' as const, what: 'zones (KDS)', flag: '--kds-port', address: s.kdsAddress, port: s.kdsPort }]
    : []),
  ...(role === 'zone' && s.dnsPort !== 'off'
    ? [{ socket: undefined, what: 'DNS', flag: '--dns-port', address: s.dnsAddress, port: s.dnsPort, udp: true }]
    : []),
  {
    socket: 'diagnostics',
    what: 'diagnostics',
    flag: '--diagnostics-port',
    address: s.diagnosticsAddress,
    port: s.diagnosticsPort,
  },
]

/**
 * Tries every port before anything else is touched, so that a start that must fail changes nothing and tells of all of
 * them at once. They are let go again: whoever takes one in between is noticed by the listener itself.
 * @throws Problem `conflict` with a line for each port that cannot be had
 */
export async function checkPorts(
  role: 'global' | 'zone',
  settings: Settings,
  sockets: InheritedSockets = {},
): Promise<void> {
  const problems: Error[] = []
  const servers = []
  for (const { socket, what, flag, address, port, udp = false } of listenersOf(role, settings)) {
    if (socket !== undefined && sockets[socket] !== undefined) continue
    const server = createServer()
    try {
      if (udp) await tryUdp(address, port)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen({ host: address, port, exclusive: true }, resolve)
      })
      servers.push(server)
    } catch (error) {
      problems.push(listenProblem(what, flag, address, port, error))
    }
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  if (problems.length > 0) throw new Problem('conflict', problems.map((problem) => problem.message).join('\n  '))
}

function tryUdp(address: string, port: number): Promise<void> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve()))
  })
}
