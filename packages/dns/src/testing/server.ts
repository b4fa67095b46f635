import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import packet from 'dns-packet'
import type { Served } from '../answer.js'
import { Responder, type Verdict } from '../responder.js'
import { Forwarder, type Upstream } from '../server/forward.js'
import { Frames, framed } from '../server/frames.js'
import { serveDns } from '../server/serve.js'

export interface TestServerOptions {
  readonly served: () => Served | undefined
  readonly upstreams?: readonly Upstream[]
  readonly mark?: string
  readonly port?: number
}

/** A server on a free port, with what it counted. */
export async function startServer({ served, upstreams = [], mark = 'me', port = 0 }: TestServerOptions) {
  const stop = new AbortController()
  const verdicts = new Map<Verdict, number>()
  let loops = 0
  const forwarder = upstreams.length === 0 ? undefined : new Forwarder({ upstreams, mark, signal: stop.signal })
  const responder = new Responder({
    served,
    forwarder,
    mark,
    count: (verdict) => verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1),
    onLoop: () => {
      loops++
    },
  })
  const server = await serveDns({ address: '127.0.0.1', port, responder, nowMs: Date.now, onLimited: () => undefined })
  return {
    port: server.port,
    verdicts,
    loops: () => loops,
    underWay: () => forwarder?.underWay ?? 0,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await server.close()
    },
  }
}

/** One datagram there, one back. */
export function askUdp(port: number, bytes: Buffer, timeoutMs = 10_000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => {
      socket.close()
      reject(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    socket.on('message', (answer) => {
      clearTimeout(timer)
      socket.close()
      resolve(answer)
    })
    socket.send(bytes, port, '127.0.0.1')
  })
}

/** Any number of messages over one connection, and as many answers. */
export function askTcp(port: number, messages: readonly Buffer[]): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const frames = new Frames()
    const answers: Buffer[] = []
    socket.on('error', reject)
    socket.on('close', () => resolve(answers))
    socket.on('data', (chunk) => {
      answers.push(...frames.push(chunk))
      if (answers.length === messages.length) socket.end()
    })
    for (const message of messages) socket.write(framed(message))
  })
}

export const query = (name: string, type: string, options: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({
    type: 'query',
    id: 4_711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type: type as packet.RecordType }],
    ...options,
  })

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

export const rcodeOf = (response: Buffer): string | undefined => rcodes[response.readUInt16BE(2) & 15]
