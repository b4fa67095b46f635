import { createServer } from 'node:net'

/** Below what Linux and macOS give to whoever asks for any port: whoever is down for a moment finds its ports free. */
const range = { from: 20_000, to: 32_000 }
let next = range.from + Math.floor(Math.random() * (range.to - range.from))

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })

/** A port on loopback that nobody gets by chance. @throws Error if all are in use */
export async function steadyPort(): Promise<number> {
  for (let tried = range.from; tried < range.to; tried++) {
    const port = next
    next = next + 1 < range.to ? next + 1 : range.from
    if (await isFree(port)) return port
  }
  throw new Error(`every port from ${range.from} to ${range.to} on 127.0.0.1 is in use`)
}
