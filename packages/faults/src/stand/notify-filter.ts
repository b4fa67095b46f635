import { connect, createServer, type Socket } from 'node:net'

const notification = 'A'.charCodeAt(0)
const headerBytes = 5

export interface NotifyFilter {
  readonly port: number
  /** Notifications that did not pass. */
  dropped(): number
  close(): Promise<void>
}

/**
 * Stands before a PostgreSQL as a pooler in transaction mode does: everything passes but what LISTEN would bring. Reads the
 * server's messages (a type, a length, a body), so it is for connections without TLS.
 */
export function startNotifyFilter(targetPort: number): Promise<NotifyFilter> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: targetPort })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    let rest: Buffer = Buffer.alloc(0)
    far.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes])
      const passing: Buffer[] = []
      while (rest.length >= headerBytes) {
        const whole = 1 + rest.readUInt32BE(1)
        if (rest.length < whole) break
        if (rest[0] === notification) count++
        else passing.push(rest.subarray(0, whole))
        rest = rest.subarray(whole)
      }
      if (passing.length > 0) near.write(Buffer.concat(passing))
    })
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        dropped: () => count,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            for (const socket of sockets) socket.destroy()
          }),
      })
    })
  })
}
