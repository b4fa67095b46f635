import { fromBinary } from '@bufbuild/protobuf'
import { type Client, type Metadata, status } from '@grpc/grpc-js'
import { ZoneHealthCheckResponseSchema } from '@holdfast/proto'
import { healthIntervalMs } from './limits.js'
import { adminPaths, asIs, healthCheckPath } from './methods.js'
import { type LinkEnd, statusName } from './status.js'

export interface CompanionsOptions {
  readonly client: Client
  readonly metadata: Metadata
  /** Something ended that a Kuma zone does not live without. Called once at most. */
  readonly onEnded: (end: LinkEnd) => void
}

/**
 * What a zone keeps up beside the two streams towards a real Kuma global: its health check, and the three streams on which
 * global could ask what its proxies are configured with. Returns what stops them.
 */
export function startCompanions({ client, metadata, onEnded }: CompanionsOptions): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let intervalMs = healthIntervalMs
  const fail = (what: string, code: number, details: string): void => {
    if (stopped) return
    stop()
    onEnded({ code: statusName(code), reason: `${what}: ${details}` })
  }

  const calls = adminPaths.map((path) => {
    const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata)
    call.on('error', () => {})
    // Nothing can be asked of us: we have no proxies, and an unknown question gets no answer in time.
    call.resume()
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
