import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionHandle } from '@holdfast/peer'
import { type ControlPlaneStore, pageText } from '@holdfast/store'
import type { Logger } from 'pino'

export interface RecallOptions {
  readonly returns: ControlPlaneStore['returns']
  /** Zones that this global, which recovers itself, has not heard as witnesses yet. */
  readonly unheard: () => Promise<readonly string[]>
  /** Of this store's log: a new one begins when it finds out that it was put back or lost something. */
  readonly epoch: () => Promise<string>
  readonly log: Logger
  /** How long a question is left open for them; a zone waits a minute for its answer. */
  readonly heldMs?: number
}

const lookEveryMs = 1_000
const heldLongestMs = 45_000
/** So many are named. */
const namedMax = 5
/** The log that was there when a session asked for its first page, before it was known whom to wait for. */
const askedIn = new WeakMap<SessionHandle, string>()

/**
 * Tells a zone that lost its store what is kept of it, a page per question, whatever state this store is in. A global that
 * recovers itself hears all others before: they may remember addresses of this zone that it has lost too. One that finds out
 * while it returns what it has left takes none of that for all, and the zone asks again (docs/decisions/0140).
 */
export async function answerRecall(
  zone: string,
  session: SessionHandle,
  { after, done }: { readonly after: string; readonly done: boolean },
  { returns, unheard, epoch, log, heldMs = heldLongestMs }: RecallOptions,
): Promise<void> {
  try {
    if (done) {
      if ((await epoch()) !== askedIn.get(session)) {
        log.warn({ zone }, 'this global has found out meanwhile that it lost something: it returns all of it once more')
        session.answerRecall({ body: '', error: foundOutText })
        return
      }
      await returns.done(zone, session.sessionId)
      log.info({ zone }, 'a zone has got back what is kept of it; what it says from here on counts')
      session.answerRecall({ body: '', error: '' })
      return
    }
    if (after === '') {
      log.warn({ zone }, 'a zone lacks what it had written: it gets back what is kept of it')
      askedIn.set(session, await epoch())
      const missing = await heard(session, unheard, heldMs)
      if (missing === undefined) return
      if (missing.length > 0) {
        log.warn(
          { zone, missing },
          'this global recovers, and others may remember more of that zone: it waits for them',
        )
        session.answerRecall({ body: '', error: waitingText(missing) })
        return
      }
    }
    session.answerRecall({ body: pageText(await returns.page(zone, after)), error: '' })
  } catch (error) {
    log.error({ err: error, zone }, 'what is kept of a zone could not be returned; the zone asks again')
    session.answerRecall({ body: '', error: (error as Error).message || 'it could not be read' })
  }
}

/** Who is still missing in the end; undefined: the session has ended meanwhile. */
async function heard(
  session: SessionHandle,
  unheard: RecallOptions['unheard'],
  heldMs: number,
): Promise<readonly string[] | undefined> {
  const ended = session.ended.then(() => 'ended' as const)
  let missing = await unheard()
  for (let waitedMs = 0; missing.length > 0 && waitedMs < heldMs; waitedMs += lookEveryMs) {
    if ((await Promise.race([sleep(Math.min(lookEveryMs, heldMs)), ended])) === 'ended') return undefined
    missing = await unheard()
  }
  return missing
}

const foundOutText =
  'global has found out meanwhile that it lost something itself, and others may remember more of this zone; it is asked anew in the next session'

const waitingText = (missing: readonly string[]): string =>
  `global recovers too, and has not heard yet what ${missing.slice(0, namedMax).join(', ')}${
    missing.length > namedMax ? ', …' : ''
  } remember of this zone; bring them back, or give up on them at global: holdfastctl recover finish --yes`
