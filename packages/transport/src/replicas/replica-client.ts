import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { StreamName } from '../codec/streams.js'
import { syncPaths } from '../methods.js'
import { FrameReader, frameOf } from './frames.js'
import { askPath } from './replica-server.js'
import { connectSecurely, type LineOptions } from './secure-line.js'

type Call = ServerDuplexStream<Buffer, Buffer>

const unavailable = 14

/** How a call ended. Of one that failed before it said anything, the status comes with the headers and nothing else does. */
function onStatus(stream: ClientHttp2Stream, told: (code: number, message: string) => void): void {
  const look = (headers: IncomingHttpHeaders): void => {
    const code = headers['grpc-status']
    if (code !== undefined) told(Number(code), decodeURIComponent(String(headers['grpc-message'] ?? '')))
  }
  stream.on('response', look)
  stream.on('trailers', look)
}

/** One other replica: asked over one connection, which is made when it is needed and made anew when it has ended. */
export class ReplicaClient {
  readonly #line: LineOptions
  #session: Promise<ClientHttp2Session> | undefined
  #closed = false

  constructor(line: LineOptions) {
    this.#line = line
  }

  /** @throws Error if it cannot be reached or does not answer in time */
  async ask(body: Buffer, { timeoutMs }: { readonly timeoutMs: number }): Promise<Buffer> {
    const stream = await this.#request(askPath, {})
    return new Promise((resolve, reject) => {
      const reader = new FrameReader()
      let answer: Buffer | undefined
      let problem = 'the connection has ended'
      const timer = setTimeout(() => {
        problem = `no answer within ${timeoutMs} ms`
        stream.close()
      }, timeoutMs)
      stream.on('error', (error: Error) => {
        problem = error.message
      })
      stream.on('data', (bytes: Buffer) => {
        const messages = reader.push(bytes)
        if (messages === undefined) stream.close()
        else answer ??= messages[0]
      })
      onStatus(stream, (code, message) => {
        if (code !== 0) problem = message || 'refused'
      })
      stream.once('close', () => {
        clearTimeout(timer)
        if (answer === undefined) reject(new Error(problem))
        else resolve(answer)
      })
      stream.end(frameOf(body))
    })
  }

  /**
   * Hands a stream of a zone over: what the zone says goes there, what is said there goes to the zone, until one of
   * them ends it. Each side is read no faster than the other one takes it.
   * @param end ends the zone's stream
   */
  async forward(call: Call, stream: StreamName, end: (code: number, reason: string) => void): Promise<void> {
    const metadata: Record<string, string | string[]> = {}
    for (const [key, values] of Object.entries(call.metadata.toJSON()))
      if (!/^(grpc-|:|content-type$|te$|user-agent$)/.test(key)) metadata[key] = values.map(String)
    const there = await this.#request(syncPaths[stream], metadata)
    const reader = new FrameReader()
    let status: { readonly code: number; readonly reason: string } = {
      code: unavailable,
      reason: 'the replica that had this session is gone',
    }
    there.on('error', () => {})
    there.on('data', (bytes: Buffer) => {
      const messages = reader.push(bytes)
      if (messages === undefined) there.close()
      for (const message of messages ?? [])
        if (!call.write(message)) {
          there.pause()
          call.once('drain', () => there.resume())
        }
    })
    onStatus(there, (code, reason) => {
      status = { code, reason }
    })
    // Over when the other side is: what a zone still says to a stream that was refused keeps it open otherwise.
    there.once('end', () => there.close())
    there.once('close', () => {
      if (status.code === 0) call.end()
      else end(status.code, status.reason)
    })
    call.on('data', (message: Buffer) => {
      if (there.destroyed || there.write(frameOf(message))) return
      call.pause()
      there.once('drain', () => call.resume())
    })
    call.once('end', () => there.end())
    call.once('cancelled', () => there.close())
  }

  close(): void {
    this.#closed = true
    void this.#session?.then((session) => session.destroy()).catch(() => {})
  }

  async #request(path: string, metadata: Readonly<Record<string, string | string[]>>): Promise<ClientHttp2Stream> {
    if (this.#closed) throw new Error('this replica is gone')
    this.#session ??= this.#connect()
    const session = await this.#session
    return session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    })
  }

  async #connect(): Promise<ClientHttp2Session> {
    const forget = (): void => {
      this.#session = undefined
    }
    try {
      const socket = await connectSecurely(this.#line)
      const session = connect('http://replica', { createConnection: () => socket })
      session.on('error', () => {})
      session.on('close', forget)
      session.on('goaway', forget)
      return session
    } catch (error) {
      forget()
      throw error
    }
  }
}
