import { connect, createServer, type Server, type Socket } from 'node:net'
import { frame, frameFlags, frameTypes, headerBlock, uint32 } from './frames.js'
import { dialZone } from './links.js'

// A process of its own, for what it shows when it fails is a loop that no timer ends and that takes all memory.
// A global resets one of our streams just when we have written on it and nothing of that is on its way yet. Its end closes
// the link, and with it everything else that is open on the connection.

const cancel = 8

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const where = server.address()
  return typeof where === 'object' && where !== null ? where.port : 0
}

const accepted = (server: Server): Promise<Socket> => new Promise((resolve) => server.once('connection', resolve))

const globals = createServer()
const clocks = createServer()
const ports = { global: await listen(globals), clock: await listen(clocks) }

const socketOfGlobal = accepted(globals)
const { link, event } = dialZone(`grpc://127.0.0.1:${ports.global}`)
const global = await socketOfGlobal
const answer = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
])
global.on('error', () => {}).resume()
global.write(frame(frameTypes.settings, 0, 0))
// Only once it has got the requests: an answer to none would end the connection.
await new Promise<void>((resolve) => global.once('data', () => setTimeout(resolve, 200)))
global.write(frame(frameTypes.headers, frameFlags.endHeaders, 3, answer))
await event('headers')

// What makes us write comes from another socket, as the answer of a database does, and was ready first: one turn of the
// event loop reads both, in this order, and sends only when it has read both.
const socketOfClock = accepted(clocks)
const clock = connect(ports.clock, '127.0.0.1')
clock.on('data', () => link.send({ plain: { type: 'subscribe', resourceType: 'Mesh', initialVersions: {} } }))
const other = await socketOfClock
other.write('now')
global.write(frame(frameTypes.rstStream, 0, 1, uint32(cancel)))

const { stream, code } = await event('closed')
await link.close({ code: 'OK', reason: 'the test is over' })
process.stdout.write(`${stream ?? 'no stream'} ended with ${code}\n`)
for (const socket of [global, clock, other]) socket.destroy()
globals.close()
clocks.close()
