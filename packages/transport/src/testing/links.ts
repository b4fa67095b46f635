import { randomUUID } from 'node:crypto'
import type { Hello, SessionMessage } from '@holdfast/kds'
import { emptyDigest } from '@holdfast/model'
import { type DialOptions, dialKds } from '../dial.js'
import type { Link, LinkEvent } from '../link.js'
import { type KdsServer, type ServeOptions, serveKds } from '../serve.js'

/** A link with everything that it said, and a way to wait for a level of it. */
export interface Observed {
  readonly link: Link
  readonly events: readonly LinkEvent[]
  /** The first event of this kind, now or later. */
  event<T extends LinkEvent['type']>(type: T): Promise<Extract<LinkEvent, { readonly type: T }>>
  /** Resolves as soon as the events so far satisfy the condition. */
  until(reached: (events: readonly LinkEvent[]) => boolean): Promise<void>
  messages(): readonly SessionMessage[]
}

export function observe(link: Link, react: (event: LinkEvent, link: Link) => void = () => {}): Observed {
  const events: LinkEvent[] = []
  let waiters: (() => boolean)[] = []
  link.start((event) => {
    events.push(event)
    react(event, link)
    waiters = waiters.filter((done) => !done())
  })
  const until = (reached: (events: readonly LinkEvent[]) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const done = (): boolean => {
        if (!reached(events)) return false
        resolve()
        return true
      }
      if (!done()) waiters.push(done)
    })
  return {
    link,
    events,
    until,
    async event(type) {
      await until((seen) => seen.some((event) => event.type === type))
      for (const event of events) if (isType(event, type)) return event
      throw new Error(`no ${type} after all`)
    },
    messages: () => events.flatMap((event) => (event.type === 'message' ? [event.message] : [])),
  }
}

const isType = <T extends LinkEvent['type']>(
  event: LinkEvent,
  type: T,
): event is Extract<LinkEvent, { readonly type: T }> => event.type === type

/** A server on loopback and the links that came in, closed together. */
export interface Global {
  readonly server: KdsServer
  readonly links: readonly Observed[]
  /** The next link that nobody has taken yet. */
  next(): Promise<Observed>
  readonly address: string
}

export async function startGlobal(
  options: Partial<ServeOptions> = {},
  react?: (event: LinkEvent, link: Link) => void,
): Promise<Global> {
  const links: Observed[] = []
  const takers: ((observed: Observed) => void)[] = []
  const untaken: Observed[] = []
  const server = await serveKds({
    address: '127.0.0.1',
    port: 0,
    identity: { version: '0.1.0', instanceId: 'global-0001' },
    onLink: (link) => {
      const observed = observe(link, react)
      links.push(observed)
      const taker = takers.shift()
      if (taker === undefined) untaken.push(observed)
      else taker(observed)
    },
    ...options,
  })
  return {
    server,
    links,
    address: `grpc://127.0.0.1:${server.port}`,
    next: () => {
      const ready = untaken.shift()
      return ready === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(ready)
    },
  }
}

export const dialZone = (
  address: string,
  options: Partial<DialOptions> = {},
  react?: (event: LinkEvent, link: Link) => void,
): Observed =>
  observe(
    dialKds({
      address,
      zone: 'east',
      sessionId: randomUUID(),
      version: '0.1.0',
      instanceId: 'east-0001',
      nodeConfig: { storeType: 'postgres', environment: 'universal', full: '{}' },
      ...options,
    }),
    react,
  )

const mark = {
  cursor: { epoch: 'ab'.repeat(16), revision: 7, tag: 'cd'.repeat(8) },
  digest: { lanes: [1, 2, 3, 4], count: 5 },
} as const

export const hello: Hello = {
  hashAlgorithm: 1,
  typeSet: 'ef'.repeat(32),
  storeId: '01234567-89ab-cdef-0123-456789abcdef',
  state: 'ready',
  everInStep: true,
  down: { cursor: mark.cursor, offered: mark.digest },
  up: mark,
  status: { cursor: mark.cursor, digest: emptyDigest },
  version: '0.1.0',
}
