import { Problem } from '@holdfast/model'
import { notFound, titles } from '../http/errors.js'
import { type ApiRequest, ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { questions } from '../vips/questions.js'

/** What a zone's DNS can tell. Its shapes are JSON and go as they are, to HTTP and to a global that asks. */
export interface DnsView {
  standing(): object
  explain(name: string, type: string): object
  unserved(): readonly {
    readonly hostname: string
    readonly generator: string
    readonly reason: string
    readonly service: { readonly type: string; readonly mesh: string; readonly name: string; readonly origin: string }
  }[]
  /** Names that one service should have and has not. */
  unservedOf(service: { readonly type: string; readonly mesh: string; readonly name: string }): readonly {
    readonly hostname: string
    readonly generator: string
    readonly why: 'taken' | 'bad' | 'many'
    readonly reason: string
  }[]
  /** Where what it answers differs from ledger and store, in words. */
  readonly faults: readonly string[]
}

const typesKnown = ['A', 'AAAA', 'SRV', 'PTR', 'SOA', 'ANY']
const nameBytesMax = 255

/** @throws Problem `invalid` for a question that nobody could answer */
export function lookedUp(dns: DnsView | undefined, name: string, type: string): object {
  if (dns === undefined)
    throw new Problem('unavailable', 'this control plane answers no names: a zone does, unless it has --dns-port off')
  const problems = [
    ...(name === '' ? ['name: is required'] : []),
    ...(Buffer.byteLength(name) > nameBytesMax ? [`name: must be no longer than ${nameBytesMax} bytes`] : []),
    ...(typesKnown.includes(type) ? [] : [`type: must be one of ${typesKnown.join(', ')}, not "${type}"`]),
  ]
  if (problems.length > 0) throw new Problem('invalid', problems.join('; '))
  return dns.explain(name, type)
}

/** `/_holdfast/dns`: how a zone's names stand, what is answered for one, and which names nobody has. */
export function dnsRoutes(context: ApiContext): readonly Route[] {
  const { dns, sync, mode, zoneName } = context
  const ask = (request: ApiRequest, question: string, body: object, local: () => object): Promise<unknown> => {
    const zone = request.query.get('zone') ?? ''
    if (zone === '' && mode === 'global')
      throw new Problem(
        'invalid',
        'zone: is required at global, which answers no names itself; say which zone is to be asked',
      )
    if (zone === '' || zone === zoneName) return Promise.resolve(local())
    return sync.askZone(zone, question, body, { signal: request.signal })
  }
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, title: titles.list, handle })
  return [
    get('/_holdfast/dns', async (request) => ok(await ask(request, questions.dnsStanding, {}, () => standingOf(dns)))),
    get('/_holdfast/dns/lookup', async (request) => {
      const name = request.query.get('name') ?? ''
      const type = (request.query.get('type') ?? 'A').toUpperCase()
      return ok(await ask(request, questions.dnsLookup, { name, type }, () => lookedUp(dns, name, type)))
    }),
    get('/_holdfast/dns/unserved', async () => {
      if (dns === undefined) throw notFound('this control plane answers no names')
      const all = dns.unserved()
      return ok({
        total: all.length,
        items: all.slice(0, 1_000).map(({ hostname, generator, reason, service: { type, mesh, name, origin } }) => ({
          hostname,
          generator,
          reason,
          service: { type, mesh, name, zone: origin === '' ? null : origin },
        })),
      })
    }),
  ]
}

export function standingOf(dns: DnsView | undefined): object {
  if (dns === undefined) return { enabled: false }
  return { enabled: true, ...dns.standing(), faults: dns.faults }
}
