import type { ClientDuplexStream } from '@grpc/grpc-js'
import { type AdminKind, type AdminQuestion, adminPathOf, decodeAdminRequest, encodeAdminAnswer } from './messages.js'

/** Answers a question about one of our proxies; what it throws is told to whoever asked. */
export type AnswerAdmin = (question: AdminQuestion) => Promise<Uint8Array>

type Call = ClientDuplexStream<Buffer, Buffer>

/**
 * A zone's end of an admin stream: answers each question, in whatever order the answers are there. A question that cannot
 * be answered gets an error of its own and ends nothing.
 */
export function answerOn(call: Call, kind: AdminKind, answer: AnswerAdmin, answerBytesMax: number): void {
  let open = true
  call.once('close', () => {
    open = false
  })
  call.once('status', () => {
    open = false
  })
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
    void answer(question).then(
      (body) =>
        say(
          body.byteLength <= answerBytesMax
            ? encodeAdminAnswer(kind, { requestId, body })
            : encodeAdminAnswer(kind, { requestId, error: tooLarge(kind, body.byteLength, answerBytesMax) }),
        ),
      (error: unknown) => say(encodeAdminAnswer(kind, { requestId, error: (error as Error).message || 'no answer' })),
    )
  })
}

const tooLarge = (kind: AdminKind, bytes: number, max: number): string =>
  `the answer has ${bytes} bytes, and ${max} is what ${adminPathOf[kind]} carries; ask the zone itself`
