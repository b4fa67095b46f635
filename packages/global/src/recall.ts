import type { SessionHandle } from '@holdfast/peer'
import { type ControlPlaneStore, pageText } from '@holdfast/store'
import type { Logger } from 'pino'

/** Tells a zone that lost its store what is kept of it, a page per question, whatever state this store is in. */
export async function answerRecall(
  zone: string,
  session: SessionHandle,
  { after, done }: { readonly after: string; readonly done: boolean },
  { returns, log }: { readonly returns: ControlPlaneStore['returns']; readonly log: Logger },
): Promise<void> {
  try {
    if (done) {
      await returns.done(zone, session.sessionId)
      log.info({ zone }, 'a zone has got back what is kept of it; what it says from here on counts')
      session.answerRecall({ body: '', error: '' })
      return
    }
    if (after === '') log.warn({ zone }, 'a zone lacks what it had written: it gets back what is kept of it')
    session.answerRecall({ body: pageText(await returns.page(zone, after)), error: '' })
  } catch (error) {
    log.error({ err: error, zone }, 'what is kept of a zone could not be returned; the zone asks again')
    session.answerRecall({ body: '', error: (error as Error).message || 'it could not be read' })
  }
}
