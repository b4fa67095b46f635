import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { HookClient, HookEndpoint, HookItem } from './client.js'
import { HookFailure, printable } from './failure.js'
import { readResults } from './results.js'

/** Connections that one hook is asked on at once; more would be a crowd, not a speed. */
const socketsMax = 4

/** The protocol as JSON over HTTP POST. Redirects are not followed: whoever answers is whom the operator has named. */
export function httpHook(endpoint: HookEndpoint): HookClient {
  const url = new URL(endpoint.url)
  const secure = url.protocol === 'https:'
  const pool = { keepAlive: true, maxSockets: socketsMax }
  const agent = secure
    ? new HttpsAgent({
        ...pool,
        ...(endpoint.rootCa === undefined ? {} : { ca: endpoint.rootCa }),
        ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
      })
    : new HttpAgent(pool)
  return {
    review: async (hook, items, { signal }) => {
      const body = Buffer.from(JSON.stringify({ hook, items: items.map(itemJson) }), 'utf8')
      const text = await post(body, signal, true)
      let answer: unknown
      try {
        answer = JSON.parse(text)
      } catch (error) {
        throw new HookFailure(`answers what is not JSON: ${(error as Error).message}`)
      }
      return readResults(answer)
    },
    close: () => agent.destroy(),
  }

  /** @param mayRepeat a connection that was kept may have been closed by the other end just now: that is no answer */
  function post(body: Buffer, signal: AbortSignal, mayRepeat: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const send = secure ? httpsRequest : httpRequest
      const call = send(url, {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', accept: 'application/json', 'content-length': body.length },
      })
      const end = (act: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        call.destroy()
        act()
      }
      const fail = (reason: string, cause?: unknown): void => end(() => reject(new HookFailure(reason, { cause })))
      const aborted = (): void => end(() => reject(signal.reason))
      // Over the whole call: a body that comes a byte at a time does not keep it open.
      const timer = setTimeout(() => fail(`does not answer within ${endpoint.timeoutMs} ms`), endpoint.timeoutMs)
      signal.addEventListener('abort', aborted, { once: true })
      call.on('error', (error: Error & { readonly code?: string }) => {
        if (mayRepeat && call.reusedSocket && error.code === 'ECONNRESET')
          end(() => post(body, signal, false).then(resolve, reject))
        else fail(connectionWords(error), error)
      })
      call.on('response', (response) => {
        const refusal = statusProblem(response)
        const length = Number(response.headers['content-length'] ?? 0)
        if (refusal !== undefined) return fail(refusal)
        if (length > endpoint.maxBodyBytes) return fail(tooLarge(`${length}`))
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > endpoint.maxBodyBytes) fail(tooLarge(`more than ${endpoint.maxBodyBytes}`))
          else chunks.push(chunk)
        })
        response.on('error', (error) => fail(connectionWords(error), error))
        response.on('close', () => {
          if (!response.complete) fail('closes the connection in the middle of its answer')
        })
        response.on('end', () => {
          if (!response.complete) return
          clearTimeout(timer)
          signal.removeEventListener('abort', aborted)
          resolve(Buffer.concat(chunks).toString('utf8'))
        })
      })
      call.end(body)
    })
  }

  function tooLarge(given: string): string {
    return `answers ${given} bytes, and ${endpoint.maxBodyBytes} are allowed (maxBodyBytes)`
  }
}

const itemJson = ({ id, zone, resource }: HookItem) => ({ id, zone, resource })

function statusProblem({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode === 200) return undefined
  return statusCode >= 300 && statusCode < 400
    ? `redirects to ${printable(headers.location ?? 'nowhere')} (HTTP ${statusCode}): redirects are not followed, set the final URL`
    : `answers HTTP ${statusCode} instead of 200`
}

function connectionWords(error: Error & { readonly code?: string }): string {
  const { code, message } = error
  return code === 'ECONNRESET' || message === 'socket hang up'
    ? 'closes the connection without a whole answer'
    : `cannot be reached: ${message === '' ? (code ?? 'no reason given') : message}`
}
