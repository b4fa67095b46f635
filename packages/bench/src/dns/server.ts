import { createSocket } from 'node:dgram'
import { Responder, serveDns, servedBy } from '@holdfast/dns'
import { tableOf } from './table.js'

/**
 * The server of the DNS bench, in a process of its own: `dns N` serves N services, `echo` sends every datagram back as
 * it came. Tells its port, and at the end what it took, to its parent.
 */
const [, , what = 'echo', size = '0'] = process.argv
const services = Number(size)

async function start(): Promise<{ readonly port: number; readonly bytesPerName: number }> {
  if (what === 'echo') {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 })
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return { port: socket.address().port, bytesPerName: 0 }
  }
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const table = tableOf(services)
  globalThis.gc?.()
  const bytesPerName = (process.memoryUsage().heapUsed - before) / table.hostnames
  const served = servedBy(table, [], 1)
  const responder = new Responder({
    served: () => served,
    forwarder: undefined,
    mark: 'bench',
    count: () => undefined,
    onLoop: () => undefined,
  })
  const { port } = await serveDns({
    address: '127.0.0.1',
    port: 0,
    responder,
    nowMs: Date.now,
    onLimited: () => undefined,
  })
  return { port, bytesPerName }
}

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuMs: (user + system) / 1_000 })
})
process.on('disconnect', () => process.exit(0))
const started = await start()
process.send?.({ ...started })
