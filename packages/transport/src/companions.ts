import { fromBinary } from '@bufbuild/protobuf'
import { type Client, type Metadata, status } from '@grpc/grpc-js'
import { ZoneHealthCheckResponseSchema } from '@holdfast/proto'
import { type AnswerAdmin, answerOn } from './admin/clerk.js'
import { adminKinds, adminPathOf } from './admin/messages.js'
import { defaultLimits, healthIntervalMs } from './limits.js'
import { asIs, healthCheckPath } from './methods.js'
import { endedWords, type LinkEnd, statusName } from './status.js'
import { inTurnOfItsOwn } from './turn.js'

/** With its envelope within what a Kuma receives. */
const answerBytesMax = defaultLimits.messageBytesMax - 1024

export interface CompanionsOptions {
  readonly client: Client
  readonly metadata: Metadata
  /** Answers what global asks about our proxies. */
  readonly answerAdmin?: AnswerAdmin | undefined
  /** Something ended that a Kuma zone does not live without. Called once at most. */
  readonly onEnded: (end: LinkEnd) => void
}

/**
 * What a zone keeps up beside the two streams towards a real Kuma global: its health check, and the three streams on which
 * global asks what its proxies are configured with. Returns what stops them.
 */
export function startCompanions({
  client,
  metadata,
  answerAdmin = nothingKnown,
  onEnded,
}: CompanionsOptions): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let intervalMs = healthIntervalMs
  const fail = (what: string, code: number, details: string): void =>
    inTurnOfItsOwn(() => {
      if (stopped) return
      stop()
      onEnded({ code: statusName(code), reason: `${what}: ${endedWords(details)}` })
    })

  const calls = adminKinds.map((kind) => {
    const path = adminPathOf[kind]
    const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
    call.on('error', () => {})
    answerOn(call, kind, answerAdmin, answerBytesMax)
    call.on('status', ({ code, details }) => {
      if (code !== status.UNIMPLEMENTED && code !== status.CANCELLED) fail(path, code, details)
    })
    return call
  })

  const check = (): void => {
    health = client.makeUnaryRequest(
      healthCheckPath,
      asIs,
      asIs,
      Buffer.alloc(0),
      metadata,
      { deadline: Date.now() + healthIntervalMs },
      (error, response) => {
        if (stopped || error?.code === status.UNIMPLEMENTED) return
        if (error !== null) {
          fail(healthCheckPath, error.code, error.details)
          return
        }
        intervalMs = answeredIntervalMs(response) ?? intervalMs
        timer = setTimeout(check, intervalMs)
      },
    )
  }
  let health: ReturnType<Client['makeUnaryRequest']> | undefined

  const stop = (): void => {
    stopped = true
    clearTimeout(timer)
    health?.cancel()
    for (const call of calls) {
      call.end()
      call.cancel()
    }
  }

  check()
  return stop
}

const nothingKnown: AnswerAdmin = ({ resourceType, name }) =>
  Promise.reject(new Error(`this zone cannot ask ${resourceType} ${name} what it is configured with`))

/** `undefined`: global leaves it to us, or said something that is not an interval. */
function answeredIntervalMs(response: Buffer | undefined): number | undefined {
  try {
    const { interval } = fromBinary(ZoneHealthCheckResponseSchema, response ?? Buffer.alloc(0))
    const ms = interval === undefined ? 0 : Number(interval.seconds) * 1000 + Math.round(interval.nanos / 1e6)
    return ms > 0 ? Math.min(ms, healthIntervalMs) : undefined
  } catch {
    return undefined
  }
}
