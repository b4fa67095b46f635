import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  type HookResultMessage,
  PolicyHook,
  ReviewRequestSchema,
  type ReviewResponse,
  ReviewResponseSchema,
} from '@holdfast/proto'
import { asIs } from '../methods.js'
import { endedWords } from '../status.js'
import { tlsCredentials } from '../tls-credentials.js'
import { inTurnOfItsOwn } from '../turn.js'
import type { HookClient, HookEndpoint, HookItem, HookResult } from './client.js'
import { HookFailure, printable } from './failure.js'
import { textsOf } from './results.js'

const path = `/${PolicyHook.typeName}/${PolicyHook.method.review.name}`

/** The protocol over gRPC, on a connection of its own that comes back by itself. */
export function grpcHook(endpoint: HookEndpoint): HookClient {
  const [scheme = '', target = ''] = endpoint.url.split('://')
  const name = endpoint.serverName ?? target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const client = new Client(
    target,
    scheme === 'grpcs' ? tlsCredentials({ name, rootCa: endpoint.rootCa }) : credentials.createInsecure(),
    {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.max_receive_message_length': endpoint.maxBodyBytes,
      // A hook that is back is found out soon, whatever the pause between calls has grown to.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      ...(endpoint.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': endpoint.serverName }),
    },
  )
  return {
    review: async (hook, items, { signal }) => {
      const request = create(ReviewRequestSchema, { hook, items: items.map(itemMessage) })
      const bytes = await call(Buffer.from(toBinary(ReviewRequestSchema, request)), signal)
      let response: ReviewResponse
      try {
        response = fromBinary(ReviewResponseSchema, bytes)
      } catch (error) {
        throw new HookFailure(`answers what is not a ReviewResponse: ${(error as Error).message}`)
      }
      return response.results.map(resultOf)
    },
    close: () => client.close(),
  }

  function call(request: Buffer, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const deadline = Date.now() + endpoint.timeoutMs
      const started = client.makeUnaryRequest(
        path,
        asIs,
        asIs,
        request,
        new Metadata(),
        { deadline },
        (error, answer) =>
          inTurnOfItsOwn(() => {
            signal.removeEventListener('abort', aborted)
            if (signal.aborted) reject(signal.reason)
            else if (error !== null) reject(new HookFailure(words(error), { cause: error }))
            else if (answer === undefined) reject(new HookFailure('answers nothing'))
            else resolve(answer)
          }),
      )
      const aborted = (): void => started.cancel()
      signal.addEventListener('abort', aborted, { once: true })
    })
  }

  function words({ code, details, message }: ServiceError): string {
    if (code === status.DEADLINE_EXCEEDED) return `does not answer within ${endpoint.timeoutMs} ms`
    // A call that we cancel ourselves is answered with our own reason before this.
    if (code === status.CANCELLED) return 'closes the call without an answer'
    const said = endedWords(details)
    if (code === status.UNAVAILABLE && said !== details) return said
    const name = status[code] ?? String(code)
    const limit =
      code === status.RESOURCE_EXHAUSTED && /larger than max/i.test(details)
        ? `; ${endpoint.maxBodyBytes} bytes are allowed (maxBodyBytes)`
        : ''
    return `answers ${name}: ${details === '' ? message : details}${limit}`
  }
}

const itemMessage = ({ id, zone, resource }: HookItem) => ({
  id,
  zone,
  resource: Buffer.from(JSON.stringify(resource), 'utf8'),
})

function resultOf({ id, outcome }: HookResultMessage): HookResult {
  switch (outcome.case) {
    case 'allowed':
      return { id, outcome: 'allowed', ...resourceOf(outcome.value.resource) }
    case 'denied':
      return { id, outcome: 'denied', reasons: textsOf(outcome.value.reasons) }
    case 'failed':
      return { id, outcome: 'failed', reason: printable(outcome.value.reason) || 'without a reason' }
    case undefined:
      return { id, outcome: 'failed', reason: 'the result says neither allowed nor denied' }
  }
}

/** Bytes that are no JSON are an answer that is none: said where answers are looked at. */
function resourceOf(bytes: Uint8Array): { readonly resource?: unknown } {
  if (bytes.length === 0) return {}
  try {
    return { resource: JSON.parse(Buffer.from(bytes).toString('utf8')) }
  } catch {
    return { resource: null }
  }
}
