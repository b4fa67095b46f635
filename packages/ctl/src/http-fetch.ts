import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'
import { CliError } from './io.js'

/** How a server proves who it is, and we to it; paths of PEM files. */
export interface TlsFiles {
  readonly caCertFile?: string | undefined
  readonly clientCertFile?: string | undefined
  readonly clientKeyFile?: string | undefined
  readonly skipVerify?: boolean | undefined
}

/**
 * `fetch` over Node's own client, because the built-in one takes no certificates. Redirects are not followed: no
 * control plane sends any.
 */
export function httpFetch(tls: TlsFiles): typeof fetch {
  const pem = (path: string | undefined): Buffer | undefined => {
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      throw new CliError(`cannot read a certificate or key: ${(error as Error).message}; is its path right?`)
    }
  }
  return (input, init) =>
    new Promise((resolve, reject) => {
      const url = new URL(String(input))
      const isTls = url.protocol === 'https:'
      const options = {
        method: init?.method ?? 'GET',
        headers: Object.fromEntries(new Headers(init?.headers)),
        ...(init?.signal ? { signal: init.signal } : {}),
        ...(isTls
          ? {
              ca: pem(tls.caCertFile),
              cert: pem(tls.clientCertFile),
              key: pem(tls.clientKeyFile),
              rejectUnauthorized: tls.skipVerify !== true,
              minVersion: 'TLSv1.2' as const,
            }
          : {}),
      }
      const request = (isTls ? requestHttps : requestHttp)(url, options, (answer) => {
        const headers = new Headers()
        for (const [name, value] of Object.entries(answer.headers))
          for (const each of Array.isArray(value) ? value : [value ?? '']) headers.append(name, each)
        const status = answer.statusCode ?? 0
        // A Response may not carry a body with these.
        const bare = status === 204 || status === 304
        if (bare) answer.resume()
        resolve(new Response(bare ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>), { status, headers }))
      })
      request.once('error', reject)
      request.end(typeof init?.body === 'string' ? init.body : undefined)
    })
}
