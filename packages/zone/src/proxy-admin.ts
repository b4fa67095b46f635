import { request } from 'node:http'
import { Problem, proxyAdminOf } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { AdminQuestion } from '@holdfast/transport'

export interface ProxyAdminOptions {
  readonly store: Pick<ControlPlaneStore, 'read'>
  readonly zone: string
  /** Of a proxy that does not name its own; Kuma's default unless said otherwise. */
  readonly defaultPort?: number | undefined
}

const envoyAdminPort = 9901
/** As long as a Kuma zone waits for a proxy. */
const answerTimeoutMs = 5_000
/** A configuration dump of 10,000 clusters has about 20 MiB. */
const answerBytesMax = 32 * 1024 * 1024

/**
 * Asks a proxy of this zone over its admin interface, as Envoy has it. Only over loopback, where Kuma does so without
 * certificates as well: over a network the interface would have to be encrypted by a CA that this zone does not have,
 * and whoever may write a Dataplane could make us ask any address.
 *
 * @throws Problem `missing` (no such proxy here), `invalid` (it cannot be asked) or `unavailable` (it does not answer)
 */
export async function askProxyAdmin(options: ProxyAdminOptions, question: AdminQuestion): Promise<Uint8Array> {
  const { resourceType: type, mesh, name, kind } = question
  const row = await options.store.read.get({ type, mesh, name })
  const where = mesh === '' ? '' : ` in mesh ${mesh}`
  if (row === undefined || row.deleted || row.origin !== options.zone)
    throw new Problem('missing', `zone ${options.zone} has no ${type} ${name}${where}`)
  const { address, port = options.defaultPort ?? envoyAdminPort } = proxyAdminOf(type, row.spec)
  if (address !== '127.0.0.1' && address !== '::1')
    throw new Problem(
      'invalid',
      `the admin interface of ${type} ${name} is at ${address}:${port}, and zone ${options.zone} asks proxies over loopback only: ask it on its own machine, curl http://127.0.0.1:${port}/${pathOf[kind]}`,
    )
  const body = await get(address, port, `/${pathOf[kind]}${queryOf(question)}`)
  return kind === 'xds' ? withoutTokens(body) : body
}

const pathOf = { xds: 'config_dump', stats: 'stats', clusters: 'clusters' } as const

function queryOf({ kind, format, includeEds, usedOnly }: AdminQuestion): string {
  const query = [
    ...(kind === 'xds' && includeEds ? ['include_eds'] : []),
    ...(kind !== 'xds' && format === 'json' ? ['format=json'] : []),
    ...(kind === 'stats' && usedOnly ? ['usedonly'] : []),
  ]
  return query.length === 0 ? '' : `?${query.join('&')}`
}

function get(host: string, port: number, path: string): Promise<Uint8Array> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
  const failed = (reason: string, cause?: unknown) =>
    new Problem('unavailable', `unable to send GET to ${url}: ${reason}`, cause === undefined ? {} : { cause })
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, timeout: answerTimeoutMs, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength
        if (bytes > answerBytesMax) sent.destroy(failed(`it answers more than ${answerBytesMax} bytes`))
        else chunks.push(chunk)
      })
      response.once('error', (error) => reject(error instanceof Problem ? error : failed(error.message, error)))
      response.once('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks))
        else reject(failed(`it answers ${response.statusCode} ${response.statusMessage ?? ''}`.trimEnd()))
      })
    })
    const timer = setTimeout(() => sent.destroy(failed(`no answer within ${answerTimeoutMs} ms`)), answerTimeoutMs)
    sent.once('close', () => clearTimeout(timer))
    sent.once('error', (error) => reject(error instanceof Problem ? error : failed(error.message, error)))
    sent.end()
  })
}

/**
 * A dump's bootstrap has the token with which the proxy proves itself to us, in the metadata of its gRPC services.
 * Whoever may look at a dump may not have that.
 */
export function withoutTokens(dump: Uint8Array): Uint8Array {
  const text = Buffer.from(dump).toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Problem('unavailable', `the proxy's configuration dump is no JSON: ${(error as Error).message}`)
  }
  const tokens = new Set(tokensIn(parsed))
  if (tokens.size === 0) return dump
  // Longest first: one may be the beginning of another.
  const ordered = [...tokens].sort((a, b) => b.length - a.length)
  return Buffer.from(
    ordered.reduce((rest, token) => rest.replaceAll(jsonText(token), '[redacted]'), text),
    'utf8',
  )
}

/** As it stands between the quotes of a JSON text. */
const jsonText = (value: string): string => JSON.stringify(value).slice(1, -1)

function* tokensIn(value: unknown): Iterable<string> {
  const waiting: unknown[] = [value]
  while (waiting.length > 0) {
    const one = waiting.pop()
    if (typeof one !== 'object' || one === null) continue
    for (const [key, inner] of Object.entries(one)) {
      if (/^initial_?metadata$/i.test(key) && Array.isArray(inner))
        for (const entry of inner as readonly { readonly key?: unknown; readonly value?: unknown }[])
          if (
            String(entry?.key).toLowerCase() === 'authorization' &&
            typeof entry.value === 'string' &&
            entry.value !== ''
          )
            yield entry.value
      waiting.push(inner)
    }
  }
}
