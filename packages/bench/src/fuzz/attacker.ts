import { connect } from 'node:net'
import { sampleMessages } from '@holdfast/testkit'
import { clientPreface, frame, frameFlags, frameTypes, headerBlock } from '@holdfast/transport/testing'
import { Chance } from './chance.js'
import { malformed } from './malformed.js'

/** How much of it, from which seed on. */
export interface Attack {
  readonly port: number
  readonly seed: number
  readonly items: number
  /** At once. */
  readonly connections: number
}

/** What was sent on one connection before it was closed or was enough. */
const itemsPerConnection = 16
/** Names are few: who has many is another attack, which identity stops. */
const zoneNames = 8
const answerTimeoutMs = 500

function greeting(zone: string, chance: Chance): Uint8Array {
  const sync = '/kuma.mesh.v1alpha1.KDSSyncService/'
  const session = Buffer.from(chance.bytes(16))
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const ours = chance.int(2) === 0 ? [['features', 'holdfast-1'] as const, ['holdfast-session', session] as const] : []
  const call = (streamId: number, method: string): Uint8Array =>
    frame(
      frameTypes.headers,
      frameFlags.endHeaders,
      streamId,
      headerBlock([
        ...([
          [':method', 'POST'],
          [':scheme', 'http'],
          [':path', sync + method],
          [':authority', 'global'],
        ] as const),
        ...([
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
          ['client-id', zone],
        ] as const),
        ...ours,
      ]),
    )
  const settings = frame(frameTypes.settings, 0, 0)
  return Buffer.concat([clientPreface, settings, call(1, 'GlobalToZoneSync'), call(3, 'ZoneToGlobalSync')])
}

/** One connection, until the other end closes it or has answered a ping: then it has read everything. */
function attackOnce(port: number, chance: Chance): Promise<void> {
  const zone = `fuzz-${chance.int(zoneNames)}`
  const messages = sampleMessages(zone)
  const parts = Array.from({ length: itemsPerConnection }, () => malformed(chance, messages))
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(), answerTimeoutMs)
    socket.on('error', () => {})
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    let last = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      last = Buffer.concat([last, bytes]).subarray(-64)
      if (last.includes('holdfast')) socket.destroy()
    })
    socket.write(greeting(zone, chance))
    // A part of its own, so that frames come in pieces as well.
    setImmediate(() => {
      for (const part of parts) socket.write(part)
      socket.write(frame(frameTypes.ping, 0, 0, Buffer.from('holdfast')))
    })
  })
}

/** @returns how many frames and messages were sent */
export async function attack({ port, seed, items, connections }: Attack): Promise<number> {
  let sent = 0
  let next = 0
  const one = async (): Promise<void> => {
    while (sent < items) {
      sent += itemsPerConnection
      next += 1
      await attackOnce(port, new Chance(seed * 1_000_003 + next))
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  return sent
}

// Forked: the memory that is measured is that of the process under attack.
if (process.send !== undefined)
  process.on('message', (order: Attack | 'stop') => {
    if (order === 'stop') process.exit(0)
    void attack(order).then((sent) => process.send?.(sent))
  })
