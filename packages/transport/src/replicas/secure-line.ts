import { Duplex } from 'node:stream'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { Problem } from '@holdfast/model'

/**
 * TLS between the replicas of one database, with a key that is in it: who does not share the database gets no further than
 * the handshake, and no certificates have to be handed out. Forward secret; Node has keys like this for TLS 1.2 only.
 */
const security = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const

const handshakeTimeoutMs = 5_000

export interface LineOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** @throws Problem `unavailable` if it cannot listen */
export async function listenSecurely(
  { host, port, key }: LineOptions,
  onConnection: (connection: Duplex) => void,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<TLSSocket>()
  const server: Server = createServer({ ...security, handshakeTimeout: handshakeTimeoutMs, pskCallback: () => key })
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.setKeepAlive(true, 10_000)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    // HTTP/2 would read below the encryption of a socket that it is given as it is.
    const connection = Duplex.from({ readable: socket, writable: socket })
    connection.on('error', () => {})
    onConnection(connection)
  })
  // Strangers: nothing is said to them, and nothing of them is remembered.
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error) => {
      const message = `cannot listen for other replicas on ${host}:${port}: ${error.message}; choose another --replica-address`
      reject(new Problem('unavailable', message, { cause: error }))
    })
    server.listen({ host, port }, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** @throws Error if nobody answers there, or it is none of ours */
export function connectSecurely({ host, port, key }: LineOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...security,
      host,
      port,
      timeout: handshakeTimeoutMs,
      // Both have proven the key; there is no name to look at.
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: key, identity: 'replica' }),
    })
    const failed = (error: Error): void => reject(isOfTls(error) ? strange(host, port, error) : error)
    socket.once('error', failed)
    socket.once('timeout', () =>
      socket.destroy(new Error(`no answer from ${host}:${port} in ${handshakeTimeoutMs} ms`)),
    )
    socket.once('secureConnect', () => {
      socket.setTimeout(0)
      socket.setKeepAlive(true, 10_000)
      socket.off('error', failed)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

const isOfTls = (error: Error & { readonly code?: string }): boolean => /^(ERR_SSL_|EPROTO)/.test(error.code ?? '')

/** What OpenSSL says of it is told with a place in our memory, and nobody knows more for it. */
const strange = (host: string, port: number, cause: Error): Error =>
  new Error(`who answers at ${host}:${port} is no replica of this database`, { cause })
