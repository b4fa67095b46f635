import { type Api, ApiFailure, isObject, type JsonObject } from './api.js'
import type { Io } from './io.js'

/** One event of a stream of server-sent events. */
export interface ServerEvent {
  readonly event: string
  readonly id: string
  readonly data: JsonObject
}

const retryMs = 1_000

/**
 * Events of a list that is watched, until interrupted. A connection that breaks is made again where it was; `gone` says
 * that this is not possible and that everything comes anew. Undefined from a server that answers with a list instead.
 */
export async function eventsOf(io: Io, api: Api, path: string): Promise<AsyncIterable<ServerEvent> | undefined> {
  const asked = `${path}${path.includes('?') ? '&' : '?'}watch=true`
  const open = (id: string) =>
    api.open('GET', asked, { headers: { accept: 'text/event-stream', ...(id === '' ? {} : { 'last-event-id': id }) } })
  const first = await open('')
  if (!(first.headers.get('content-type') ?? '').includes('text/event-stream')) {
    await first.body?.cancel()
    return undefined
  }
  return again(io, first, open)
}

async function* again(io: Io, first: Response, open: (id: string) => Promise<Response>): AsyncIterable<ServerEvent> {
  let last = ''
  let response: Response | undefined = first
  for (;;) {
    try {
      response ??= await open(last)
      for await (const event of parsed(response)) {
        if (event.id !== '') last = event.id
        if (event.event === 'gone') last = ''
        yield event
      }
    } catch (error) {
      if (io.signal.aborted) return
      if (error instanceof ApiFailure && error.httpStatus === 410) {
        last = ''
        yield { event: 'gone', id: '', data: {} }
      } else io.err.write(`the connection is lost, trying again: ${(error as Error).message.split('\n')[0]}\n`)
    }
    response = undefined
    if (io.signal.aborted) return
    try {
      await io.wait(retryMs)
    } catch {
      return
    }
  }
}

/** Events of one answer; what is no event of ours is passed over. */
async function* parsed(response: Response): AsyncIterable<ServerEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').flatMap((line): [string, string][] => {
          const at = line.indexOf(':')
          return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1).trimStart()]]
        }),
      )
      const data: unknown = fields.has('data') ? JSON.parse(fields.get('data') ?? '') : undefined
      if (isObject(data)) yield { event: fields.get('event') ?? '', id: fields.get('id') ?? '', data }
    }
  }
}
