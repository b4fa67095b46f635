import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** JSON as Kuma's API writes it: one space of indent, a newline at the end. A Buffer, so that no charset is appended. */
export const sendJson = (reply: FastifyReply, status: number, body: unknown): FastifyReply =>
  reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(`${JSON.stringify(body, null, 1)}\n`))

/** The answers that are not JSON: wrong path, verb or media type. */
export const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.code(status).header('content-type', 'text/plain; charset=utf-8').send(text)

/** What somebody else wrote, as it came. */
export const sendBytes = (reply: FastifyReply, status: number, contentType: string, bytes: Uint8Array): FastifyReply =>
  reply.code(status).header('content-type', contentType).send(Buffer.from(bytes))

/** Server-sent events, as fast as the client reads them: what is not read yet is not made. */
export const sendEvents = (reply: FastifyReply, status: number, events: AsyncIterable<string>): FastifyReply =>
  reply
    .code(status)
    .header('content-type', 'text/event-stream')
    .header('cache-control', 'no-store')
    // Kept alive after its last event, the connection would hold up a server that closes.
    .header('connection', 'close')
    // Proxies that collect answers would hold back what is meant to come at once.
    .header('x-accel-buffering', 'no')
    .send(Readable.from(events, { objectMode: false, highWaterMark: 1 << 16 }))
