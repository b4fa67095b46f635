import { Problem } from '@holdfast/model'
import { answerTestimony, type ControlPlaneStore, testimonyQuestions } from '@holdfast/store'
import type { Mode } from '../options.js'
import { type DnsView, lookedUp, standingOf } from '../routes/dns.js'
import { answerDiff, diffQuestion } from '../sync/diff.js'
import type { AskProxy, ProxyQuestion } from '../sync/sync-view.js'
import { lackingAtGlobal, lackingQuestion } from '../zones/lacking.js'
import { claimParts, differingMost, rowsPage, type SumsPage, type SumsReader, sumsPage } from './claim-sums.js'
import type { ClaimReader } from './claims.js'
import { localClaims } from './local-claims.js'

/** What global may ask a zone inside its session. The names travel; a zone that does not know one says so. */
export const questions = {
  ledger: 'vip-ledger',
  shown: 'vip-shown',
  findings: 'vip-findings',
  sums: 'vip-sums',
  rows: 'vip-rows',
  dnsStanding: 'dns-standing',
  dnsLookup: 'dns-lookup',
  proxy: 'proxy-admin',
} as const

/** What a global asks a zone of ours about one of its proxies. */
export const proxyQuestion = questions.proxy

/** @throws Problem `unavailable` for an answer that is none */
export function readProxyAnswer(answer: unknown): Uint8Array {
  const body = (answer as { readonly body?: unknown } | null)?.body
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  throw new Problem(
    'unavailable',
    'the zone answered something else than what its proxy says; is it of another version?',
  )
}

/** @throws Problem `invalid` for a body that names no proxy */
function proxyQuestionOf(body: unknown): ProxyQuestion {
  const field = (name: string): unknown => (body as Readonly<Record<string, unknown>> | null)?.[name]
  const kind = field('kind')
  if (kind !== 'xds' && kind !== 'stats' && kind !== 'clusters')
    throw new Problem('invalid', `kind: must be one of xds, stats, clusters, not ${JSON.stringify(kind)}`)
  return {
    kind,
    resourceType: String(field('resourceType')),
    name: String(field('name')),
    mesh: String(field('mesh') ?? ''),
    format: field('format') === 'json' ? 'json' : 'text',
    includeEds: field('includeEds') === true,
    usedOnly: field('usedOnly') === true,
  }
}

/** As long as global waits for a zone. */
const proxyTimeoutMs = 10_000

type Ask = (question: string, body: unknown) => Promise<unknown>

/** A zone's claims, read by asking it. Throws a Problem `unavailable` for an answer that cannot be understood. */
export function askedClaims(ask: Ask): ClaimReader & SumsReader {
  return {
    sumsPage: async (part, after) => sumsPageOf(await ask(questions.sums, { part, after })),
    rowsPage: async (part, buckets, after) => page(await ask(questions.rows, { part, buckets, after })),
    ledgerPage: async (after) => page(await ask(questions.ledger, after === undefined ? {} : { after })),
    shownPage: async (kind, { after, offset }) =>
      page(await ask(questions.shown, after === undefined ? { kind, offset } : { kind, offset, after })),
    findings: async () => page<{ items: readonly never[] }>(await ask(questions.findings, {})).items,
  }
}

function sumsPageOf(answer: unknown): SumsPage {
  if (typeof answer === 'object' && answer !== null && 'sums' in answer && Array.isArray(answer.sums))
    return answer as unknown as SumsPage
  throw new Problem(
    'unavailable',
    'the zone answered something else than sums of its ledger; is it of another version?',
  )
}

/** A zone is a control plane of ours, authenticated by its session: the envelope is checked, its rows are believed. */
function page<T extends { readonly items: readonly unknown[] }>(answer: unknown): T {
  if (typeof answer === 'object' && answer !== null && 'items' in answer && Array.isArray(answer.items))
    return answer as unknown as T
  throw new Problem(
    'unavailable',
    'the zone answered something else than a page of its ledger; is it of another version?',
  )
}

/**
 * How this control plane answers the questions of a peer.
 * @returns a function of (question, body) that rejects with a Problem `invalid` for a question it does not know
 */
export function createAnswerer(options: {
  readonly store: ControlPlaneStore
  readonly mode: Mode
  readonly zoneName: string
  readonly dns?: DnsView | undefined
  readonly askProxy?: AskProxy | undefined
}): (question: string, body: unknown) => Promise<unknown> {
  const { store, mode, zoneName, dns, askProxy } = options
  const reader = localClaims(store, dns)
  return async (question, body) => {
    const field = (name: string): unknown => (body as Readonly<Record<string, unknown>> | null)?.[name]
    switch (question) {
      case questions.ledger: {
        return reader.ledgerPage(afterOf(field('after')))
      }
      case questions.shown: {
        const offset = field('offset')
        return reader.shownPage(String(field('kind')), {
          offset: typeof offset === 'number' ? offset : 0,
          after: afterOf(field('after')),
        })
      }
      case diffQuestion:
        return answerDiff(store.diff, body)
      case lackingQuestion:
        return { items: await lackingAtGlobal(store, zoneName) }
      case questions.sums:
        return sumsPage(reader, partOf(field('part')), afterOf(field('after')))
      case questions.rows: {
        const buckets = field('buckets')
        if (!Array.isArray(buckets) || buckets.length > differingMost)
          throw new Problem('invalid', `buckets: must be a list of at most ${differingMost}`)
        return rowsPage(reader, partOf(field('part')), new Set(buckets.map(Number)), afterOf(field('after')))
      }
      case questions.findings:
        return { items: await reader.findings() }
      case questions.dnsStanding:
        return standingOf(dns)
      case questions.proxy: {
        if (askProxy === undefined) throw new Problem('unavailable', `zone ${zoneName} asks no proxies`)
        const answer = await askProxy(proxyQuestionOf(body), AbortSignal.timeout(proxyTimeoutMs))
        return { body: Buffer.from(answer).toString('utf8') }
      }
      case questions.dnsLookup:
        return lookedUp(dns, String(field('name') ?? ''), String(field('type') ?? 'A'))
      default: {
        const testimony = await answerTestimony(store, question, body)
        if (testimony !== undefined) return testimony
        throw new Problem(
          'invalid',
          `${mode === 'global' ? 'global' : `zone ${zoneName}`} does not know the question ${JSON.stringify(question)}; it knows ${[...Object.values(questions), diffQuestion, lackingQuestion, ...Object.values(testimonyQuestions)].join(', ')}`,
        )
      }
    }
  }
}

const afterOf = (after: unknown): string | undefined => (typeof after === 'string' ? after : undefined)

function partOf(part: unknown): string {
  if (typeof part === 'string' && claimParts.includes(part)) return part
  throw new Problem('invalid', `part: must be one of ${claimParts.join(', ')}, not ${JSON.stringify(part)}`)
}

/** What global answers a zone: how it stands with that zone, and nothing else. */
export function createGlobalAnswerer(
  store: ControlPlaneStore,
): (zone: string, question: string, body: unknown) => Promise<unknown> {
  return (zone, question, body) => {
    if (question !== diffQuestion)
      return Promise.reject(
        new Problem(
          'invalid',
          `global does not know the question ${JSON.stringify(question)}; it knows ${diffQuestion}`,
        ),
      )
    const side = (body as { readonly side?: object } | null)?.side
    return answerDiff(store.diff, { ...(body as object), side: { ...side, peer: zone } })
  }
}
