import { invariant } from '@holdfast/model'
import type { SessionHandle } from '@holdfast/peer'
import {
  addedReturns,
  type ControlPlaneStore,
  nothingReturned,
  pageOfText,
  type Returned,
  type ReturnPage,
  ReturnSeen,
} from '@holdfast/store'
import type { Logger } from 'pino'

export interface RecallAnswer {
  readonly body: string
  readonly error: string
}

interface RecallOptions {
  readonly session: SessionHandle
  readonly returns: ControlPlaneStore['returns']
  readonly signal: AbortSignal
  readonly log: Logger
}

/** A question that the session does not outlive waits so long, and then the session ends and asks anew. */
const answerMs = 60_000

/**
 * A zone whose store was lost or put back takes back what global keeps of it: page by page within one session, each
 * stored before the next is asked for. Interrupted anywhere, the next session begins again; what is there already
 * stays as it is.
 */
export class Recall {
  readonly #options: RecallOptions
  #hear: ((answer: RecallAnswer) => void) | undefined

  constructor(options: RecallOptions) {
    this.#options = options
  }

  heard(answer: RecallAnswer): void {
    this.#hear?.(answer)
  }

  /** @throws Problem for an answer that is none; whatever the store throws; an Error if global could not answer */
  async run(): Promise<Returned> {
    const { returns, session, log } = this.#options
    log.warn(
      'this store lacks what this zone had written: asking global for it; nothing is allocated or sent before it is back',
    )
    const seen = new ReturnSeen()
    let sum = nothingReturned
    let page: ReturnPage | undefined
    let after: string | undefined = ''
    while (after !== undefined) {
      page = pageOfText((await this.#ask(after)).body)
      seen.note(page)
      sum = addedReturns(sum, await returns.take(page))
      // A place that does not move would be asked for until the end of time.
      if (page.next === after)
        throw new Error(`global answers with the same place again: "${after}"; it is asked anew in the next session`)
      after = page.next
    }
    invariant(page !== undefined, 'the first page is always asked for')
    await this.#ask('', { done: true })
    // What was said in this session spoke of the store of before: the next one compares.
    await session.close('this zone has got back what it had written; a new session compares')
    return addedReturns(sum, await returns.finish(seen, page))
  }

  async #ask(after: string, options?: { readonly done: boolean }): Promise<RecallAnswer> {
    const { session, signal } = this.#options
    const ended = session.ended.then((end): RecallAnswer => ({ body: '', error: `the session ended: ${end.reason}` }))
    let timer: NodeJS.Timeout | undefined
    const answered = new Promise<RecallAnswer>((resolve) => {
      this.#hear = resolve
      timer = setTimeout(() => resolve({ body: '', error: `no answer for ${answerMs / 1000} s` }), answerMs)
    })
    session.recall(after, options)
    const answer = await Promise.race([answered, ended])
    clearTimeout(timer)
    this.#hear = undefined
    signal.throwIfAborted()
    if (answer.error !== '') throw new Error(`global does not return what it keeps of this zone: ${answer.error}`)
    return answer
  }
}
