import ipaddr from 'ipaddr.js'
import type { Authority } from './table/authority.js'
import { addressOfReverse, folded } from './table/names.js'
import type { NamedService, NameTable } from './table/table.js'

/** What a resolver may keep an answer for. Far below a VIP's quarantine, so that no cache outlives an owner's address. */
export const answerTtlSeconds = 60
/** How long "there is no such name" may be kept (RFC 2308): a new service is found soon after. */
export const negativeTtlSeconds = 5

export interface Question {
  /** As it was asked, case included; without the dot at the end. */
  readonly name: string
  /** Mnemonic, `A`; `UNKNOWN_n` for what the library has no name for. */
  readonly type: string
  readonly class: string
}

export type AnswerRecord =
  | { readonly type: 'A' | 'AAAA' | 'PTR'; readonly name: string; readonly ttl: number; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly name: string
      readonly ttl: number
      readonly data: {
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
    }
  | SoaRecord

export interface SoaRecord {
  readonly type: 'SOA'
  readonly name: string
  readonly ttl: number
  readonly data: {
    readonly mname: string
    readonly rname: string
    readonly serial: number
    readonly refresh: number
    readonly retry: number
    readonly expire: number
    readonly minimum: number
  }
}

/** `NODATA` is NOERROR without an answer: the name is there, what was asked of it is not. `foreign`: not ours to say. */
export type Answer =
  | { readonly outcome: 'answered'; readonly records: readonly AnswerRecord[] }
  | { readonly outcome: 'nodata' | 'nxdomain'; readonly soa: SoaRecord }
  | { readonly outcome: 'foreign' }

/** What is answered from: all of one moment. */
export interface Served {
  readonly table: NameTable
  readonly authority: Authority
  /** Of the store that the table shows; the serial of every SOA. */
  readonly revision: number
}

/** Answers one question. Pure: no cache, no I/O, no clock. */
export function answer(question: Question, served: Served): Answer {
  const name = folded(question.name)
  if (question.class !== 'IN' && question.class !== 'ANY') return { outcome: 'foreign' }
  const apex = served.authority.apexOf(name)
  const found = served.table.find(name)
  if (found !== undefined) return ofHost(question, found, apex ?? name, served)
  if (apex === undefined) return { outcome: 'foreign' }
  if (name.endsWith('.arpa')) return ofReverse(question, name, apex, served)
  if (name === apex && (question.type === 'SOA' || question.type === 'ANY'))
    return { outcome: 'answered', records: [{ ...soa(apex, served.revision), name: question.name }] }
  const service = serviceOfSrv(name, served.table)
  if (service !== undefined) return ofPort(question, service, apex, served)
  const isThere = name === apex || served.table.hasBelow(name) || isAboveSrv(name, served.table)
  return { outcome: isThere ? 'nodata' : 'nxdomain', soa: soa(apex, served.revision) }
}

/** ANY gets one kind of record (RFC 8482): whoever spoofs it gains nothing. */
function ofHost(question: Question, { service }: NamedService, apex: string, served: Served): Answer {
  const { name, type } = question
  const wanted = type === 'ANY' ? (service.addresses.some(isV4) ? 'A' : 'AAAA') : type
  const records: AnswerRecord[] =
    wanted === 'A' || wanted === 'AAAA'
      ? service.addresses
          .filter((address) => isV4(address) === (wanted === 'A'))
          .map((data) => ({ type: wanted, name, ttl: answerTtlSeconds, data }))
      : []
  return records.length > 0 ? { outcome: 'answered', records } : { outcome: 'nodata', soa: soa(apex, served.revision) }
}

interface PortOfService {
  readonly named: NamedService
  readonly port: number
}

/** `_port._tcp.host`, RFC 2782. All that a mesh carries is TCP. */
function serviceOfSrv(name: string, table: NameTable): PortOfService | undefined {
  const [, portName, host] = /^_([^.]+)\._tcp\.(.+)$/.exec(name) ?? []
  if (portName === undefined || host === undefined) return undefined
  const named = table.find(host)
  const port = named?.service.ports.find((each) => folded(each.name) === portName)?.port
  return named === undefined || port === undefined ? undefined : { named, port }
}

/** `_tcp.host` exists where a named port lies below it. */
function isAboveSrv(name: string, table: NameTable): boolean {
  const host = /^_tcp\.(.+)$/.exec(name)?.[1]
  return host !== undefined && table.find(host)?.service.ports.some((port) => port.name !== '') === true
}

function ofPort(question: Question, { named, port }: PortOfService, apex: string, served: Served): Answer {
  if (question.type !== 'SRV' && question.type !== 'ANY') return { outcome: 'nodata', soa: soa(apex, served.revision) }
  const data = { priority: 0, weight: 0, port, target: named.hostname }
  return { outcome: 'answered', records: [{ type: 'SRV', name: question.name, ttl: answerTtlSeconds, data }] }
}

const canonicalV6 = (groups: string): string => ipaddr.IPv6.parse(groups).toRFC5952String()

function ofReverse(question: Question, name: string, apex: string, served: Served): Answer {
  const negative = (outcome: 'nodata' | 'nxdomain'): Answer => ({ outcome, soa: soa(apex, served.revision) })
  if (name === apex && (question.type === 'SOA' || question.type === 'ANY'))
    return { outcome: 'answered', records: [{ ...soa(apex, served.revision), name: question.name }] }
  const address = addressOfReverse(name, canonicalV6)
  // Above an address: whether one lies below is not kept, and "there is something" is the harmless answer.
  if (address === undefined) return negative('nodata')
  const names = served.table.namesAt(address)
  if (names.length === 0) return negative('nxdomain')
  if (question.type !== 'PTR' && question.type !== 'ANY') return negative('nodata')
  return {
    outcome: 'answered',
    records: names.map(({ hostname }) => ({
      type: 'PTR',
      name: question.name,
      ttl: answerTtlSeconds,
      data: hostname,
    })),
  }
}

const isV4 = (address: string): boolean => !address.includes(':')

const soa = (apex: string, revision: number): SoaRecord => ({
  type: 'SOA',
  name: apex,
  ttl: negativeTtlSeconds,
  data: {
    mname: `ns.${apex}`,
    rname: `hostmaster.${apex}`,
    serial: revision % 2 ** 32,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: negativeTtlSeconds,
  },
})
