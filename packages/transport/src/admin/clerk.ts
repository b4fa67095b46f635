import type { ClientDuplexStream } from '@grpc/grpc-js'
import { type AdminKind, type AdminQuestion, adminPathOf, decodeAdminRequest, encodeAdminAnswer } from './messages.js'

/** Answers a question about one of our proxies; what it throws is told to whoever asked. */
export type AnswerAdmin = (question: AdminQuestion) => Promise<Uint8Array>

type Call = ClientDuplexStream<Buffer, Buffer>

/**
 * A Kuma global waits 10 s, and ends the stream over an answer that comes later, with it the whole session: what is late is
 * better not said. A second is for the way.
 */
const answerWithinMs = 9_000

/**
 * A zone's end of an admin stream: answers each question, in whatever order the answers are there. A question that cannot
 * be answered gets an error of its own and ends nothing; one whose answer takes too long gets that for an answer.
 */
export function answerOn(call: Call, kind: AdminKind, answer: AnswerAdmin, answerBytesMax: number): void {
  let open = true
  const waiting = new Set<NodeJS.Timeout>()
  const ended = (): void => {
    open = false
    for (const timer of waiting) clearTimeout(timer)
  }
  call.once('close', ended)
  call.once('status', ended)
  const say = (bytes: Buffer): void => {
    if (open) call.write(bytes)
  }
  call.on('data', (bytes: Buffer) => {
    let requestId: string
    let question: AdminQuestion
    try {
      ;({ requestId, ...question } = decodeAdminRequest(kind, bytes))
    } catch {
      // Without an id there is nobody to answer: global gives up by itself.
      return
    }
    let answered = false
    const once = (said: { readonly body: Uint8Array } | { readonly error: string }): void => {
      if (answered) return
      answered = true
      clearTimeout(late)
      waiting.delete(late)
      say(encodeAdminAnswer(kind, { requestId, ...said }))
    }
    const late = setTimeout(() => once({ error: `no answer within ${answerWithinMs} ms` }), answerWithinMs)
    waiting.add(late)
    void answer(question).then(
      (body) =>
        once(body.byteLength <= answerBytesMax ? { body } : { error: tooLarge(kind, body.byteLength, answerBytesMax) }),
      (error: unknown) => once({ error: (error as Error).message || 'no answer' }),
    )
  })
}

const tooLarge = (kind: AdminKind, bytes: number, max: number): string =>
  `the answer has ${bytes} bytes, and ${max} is what ${adminPathOf[kind]} carries; ask the zone itself`
