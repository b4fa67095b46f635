import {
  approvedOf,
  type MemoryStore,
  memoryReturns,
  pageOfText,
  pageText,
  type ReturnPage,
  ReturnSeen,
  remembering,
  type Testimony,
} from '@holdfast/store'
import type { Session } from './session.js'

interface Recalled {
  readonly body: string
  readonly error: string
}

/** How often a global that recovers looks whether all others have been heard. */
const unheardEveryMs = 1_000
/** The log of global that was there when a session asked for the page. */
const askedIn = new WeakMap<Session, string>()

/** Global: what it keeps of a zone that lost its store, a page per question; it recovers itself, and hears all others before. */
export function answerRecall(session: Session, { done }: { readonly done: boolean }): void {
  const { store } = session.node
  const failed = (error: string): void => session.say({ type: 'recalled', body: '', error })
  session.later(() => {
    if (!done && !session.node.mayReturn(session.peer)) {
      session.after(unheardEveryMs, () => answerRecall(session, { done }))
      return
    }
    const { epoch } = store.image.head
    if (done && askedIn.get(session) !== epoch) {
      session.say({ type: 'recalled', body: '', error: 'global has found out meanwhile that it lost something itself' })
      return
    }
    askedIn.set(session, epoch)
    if (done) {
      memoryReturns.doneWith(store, session.peer, session.sessionId)
      session.node.watch.startedOver(session.node, session.peer)
    }
    const body = done ? '' : pageText(memoryReturns.pageOf(store, session.peer))
    session.say({ type: 'recalled', body, error: '' })
  }, failed)
}

/**
 * A zone whose store was put back takes back what global keeps of it, as the zone's runtime does: each page is stored before
 * anything else is asked for, then global forgets where it stood, the session ends, and the next one compares.
 */
export class Recall {
  readonly #session: Session
  readonly #seen = new ReturnSeen()
  #page: ReturnPage | undefined

  constructor(session: Session) {
    this.#session = session
    session.say({ type: 'recall', after: '', done: false })
  }

  heard({ body, error }: Recalled): void {
    if (error !== '') this.#failed(error)
    else if (this.#page === undefined) this.#take(pageOfText(body))
    else this.#finish(this.#page)
  }

  #take(page: ReturnPage): void {
    const session = this.#session
    this.#seen.note(page)
    session.later(
      () => {
        session.node.watch.returned(session.node, memoryReturns.take(session.node.store, page))
        this.#page = page
        session.say({ type: 'recall', after: '', done: true })
      },
      (reason) => this.#failed(reason),
    )
  }

  #finish(page: ReturnPage): void {
    const { node } = this.#session
    this.#session.stop('this zone has got back what it had written; a new session compares')
    try {
      memoryReturns.finish(node.store, this.#seen, page)
    } catch (error) {
      // It goes on recovering, and the next session begins again.
      if (!node.watch.isExpected(error)) throw error
    } finally {
      node.watch.changed(node)
    }
  }

  #failed(reason: string): void {
    this.#session.stop(`what global keeps of this zone could not be taken back: ${reason}`)
  }
}

/** All that a zone answers when its global asks what it remembers, in one page. */
export function testimonyOf({ image, identity }: MemoryStore): Testimony {
  const down = [...image.cursors.values()].find(({ channel, side }) => channel === 'down' && side === 'received')
  const remember = remembering(identity.name, approvedOf(image))
  return {
    witness: { zone: identity.name, storeId: identity.storeId, state: image.state, cursor: down?.cursor },
    rows: [...image.rows.values()].flatMap((row) => remember(row) ?? []),
    ledger: [...image.ledger.values()],
  }
}

export const testimonyText = ({ rows, ...rest }: Testimony): string =>
  JSON.stringify({
    ...rest,
    rows: rows.map(({ spec, ...row }) => ({ ...row, spec: Buffer.from(spec).toString('hex') })),
  })

export function testimonyFrom(text: string): Testimony {
  const { rows, ...rest } = JSON.parse(text) as Omit<Testimony, 'rows'> & {
    readonly rows: readonly (Omit<Testimony['rows'][number], 'spec'> & { readonly spec: string })[]
  }
  return { ...rest, rows: rows.map(({ spec, ...row }) => ({ ...row, spec: new Uint8Array(Buffer.from(spec, 'hex')) })) }
}
