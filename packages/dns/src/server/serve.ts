import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import type { Responder } from '../responder.js'
import { Frames, framed } from './frames.js'
import { SourceLimit } from './limits.js'

export interface ServeDnsOptions {
  readonly address: string
  /** 0: a free one, the same for both transports. */
  readonly port: number
  readonly responder: Responder
  readonly nowMs: () => number
  /** An answer was made small because its source had used up its budget. */
  readonly onLimited: () => void
}

export interface DnsServer {
  readonly port: number
  close(): Promise<void>
}

/** Connections at once; one more is closed. */
export const connectionsMax = 256
const idleTimeoutMs = 10_000
/** Bytes that a client has not taken; then nothing more is read from it. */
const unsentBytesMax = 262_144
/** Ports drawn until one is free for both transports. */
const portTries = 20

/**
 * Serves DNS over UDP and TCP at one address and port.
 * @throws NodeJS.ErrnoException `EADDRINUSE`, `EACCES` … of whichever transport could not listen
 */
export async function serveDns(options: ServeDnsOptions): Promise<DnsServer> {
  for (let attempt = 1; ; attempt++) {
    const udp = await listenUdp(options)
    const port = udp.address().port
    try {
      const tcp = await listenTcp(options, port)
      let closing: Promise<void> | undefined
      return {
        port,
        close: () => {
          closing ??= close(udp, tcp)
          return closing
        },
      }
    } catch (error) {
      await new Promise<void>((resolve) => udp.close(() => resolve()))
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (options.port !== 0 || !taken || attempt >= portTries) throw error
    }
  }
}

async function close(udp: Socket, tcp: Listening): Promise<void> {
  for (const socket of tcp.sockets) socket.destroy()
  await Promise.all([
    new Promise<void>((resolve) => udp.close(() => resolve())),
    new Promise<void>((resolve) => tcp.server.close(() => resolve())),
  ])
}

function listenUdp(options: ServeDnsOptions): Promise<Socket> {
  const { address, port, responder, nowMs, onLimited } = options
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 })
  const limit = new SourceLimit()
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  socket.on('message', (bytes, from) => {
    const reply = (response: Buffer | undefined): void => {
      if (response === undefined || closed) return
      // Nobody can forge a sender on this machine from outside.
      const trusted = isLoopback(from.address)
      const fits = trusted || limit.allows(from.address, response.length - bytes.length, nowMs())
      if (!fits) onLimited()
      // What cannot be sent is asked for again.
      socket.send(fits ? response : small(bytes, response), from.port, from.address, () => undefined)
    }
    const response = responder.respond(bytes, 'udp')
    if (response instanceof Promise) void response.then(reply)
    else reply(response)
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, address, () => {
      socket.off('error', reject)
      // An ICMP answer to something sent earlier is no reason to stop.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

/** The question with the header of the answer and "truncated": exactly as long as what was asked, or shorter. */
function small(asked: Buffer, response: Buffer): Buffer {
  const bytes = Buffer.from(asked)
  const flags = (response.readUInt16BE(2) | 0x0200) & 0xfff0
  bytes.writeUInt16BE(flags, 2)
  return bytes
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

interface Listening {
  readonly server: Server
  readonly sockets: ReadonlySet<TcpSocket>
}

function listenTcp({ address, responder }: ServeDnsOptions, port: number): Promise<Listening> {
  const sockets = new Set<TcpSocket>()
  const server = createServer((socket) => {
    if (sockets.size >= connectionsMax) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(idleTimeoutMs, () => socket.destroy())
    void converse(socket, responder)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve({ server, sockets })
    })
  })
}

/** One question after the other (RFC 7766 allows it), so that a client who asks and does not read costs one answer. */
async function converse(socket: TcpSocket, responder: Responder): Promise<void> {
  const frames = new Frames()
  try {
    for await (const chunk of socket)
      for (const message of frames.push(chunk as Buffer)) {
        const response = await responder.respond(message, 'tcp')
        if (response === undefined) return void socket.destroy()
        socket.write(framed(response))
        if (socket.writableLength > unsentBytesMax) await drained(socket)
      }
    socket.end()
  } catch {
    socket.destroy()
  }
}

const drained = (socket: TcpSocket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
  })
