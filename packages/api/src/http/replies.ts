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
