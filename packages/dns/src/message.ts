import packet from 'dns-packet'
import type { Answer, AnswerRecord, Question, SoaRecord } from './answer.js'

/** What fits into a datagram that no link cuts (DNS flag day 2020). */
const udpBytesMax = 1_232
const udpBytesPlain = 512
const headerBytes = 12
const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const
export type Rcode = keyof typeof rcodes

const flags = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x80,
}

export interface Query {
  readonly id: number
  readonly question: Question
  readonly recursionDesired: boolean
  /** EDNS0, RFC 6891; undefined: none. */
  readonly edns: { readonly version: number; readonly udpBytes: number; readonly dnssecOk: boolean } | undefined
  /** Values of the option in which one Holdfast says that it forwarded this, see `forwardMark`. */
  readonly marks: readonly string[]
}

export type Heard =
  | { readonly outcome: 'query'; readonly query: Query }
  /** Something that gets an answer of a header alone. */
  | { readonly outcome: 'bad'; readonly rcode: Rcode; readonly id: number; readonly recursionDesired: boolean }
  /** No answer at all: a response, or less than a header. Whoever answers those starts a game without end. */
  | { readonly outcome: 'ignored' }

/** From the range for local use (RFC 6891 §9). */
export const forwardMark = 65_001

/** Reads a packet from anybody. Never throws. */
export function hear(bytes: Buffer): Heard {
  if (bytes.length < headerBytes) return { outcome: 'ignored' }
  const id = bytes.readUInt16BE(0)
  const word = bytes.readUInt16BE(2)
  if ((word & flags.response) !== 0) return { outcome: 'ignored' }
  const recursionDesired = (word & flags.recursionDesired) !== 0
  const bad = (rcode: Rcode): Heard => ({ outcome: 'bad', rcode, id, recursionDesired })
  if (((word >> 11) & 15) !== 0) return bad('NOTIMP')
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at))
  // One question and perhaps EDNS and a signature: all that a query has.
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 2) return bad('FORMERR')
  let decoded: packet.DecodedPacket
  try {
    decoded = packet.decode(bytes)
  } catch {
    return bad('FORMERR')
  }
  const [question] = decoded.questions ?? []
  // A label that is no text, or has a dot in it, cannot be told apart from another once it is read.
  if (question === undefined || !isAsItWas(bytes, question)) return bad('FORMERR')
  const opts = (decoded.additionals ?? []).flatMap((record) => (record.type === 'OPT' ? [record] : []))
  const [opt] = opts
  if (opts.length > 1) return bad('FORMERR')
  return {
    outcome: 'query',
    query: {
      id,
      recursionDesired,
      question: { name: question.name, type: question.type, class: String(question.class ?? 'IN') },
      edns:
        opt === undefined
          ? undefined
          : { version: opt.ednsVersion, udpBytes: opt.udpPayloadSize, dnssecOk: (opt.flags & 0x8000) !== 0 },
      // The library's types know the codes that have a name of their own.
      marks: ((opt?.options ?? []) as readonly { readonly code: number; readonly data?: Buffer }[]).flatMap(
        ({ code, data }) => (code === forwardMark && data !== undefined ? [data.toString('latin1')] : []),
      ),
    },
  }
}

function isAsItWas(bytes: Buffer, question: packet.Question): boolean {
  try {
    const again = packet.encode({ questions: [question] }).subarray(headerBytes)
    return bytes.subarray(headerBytes, headerBytes + again.length).equals(again)
  } catch {
    return false
  }
}

export interface Say {
  readonly rcode: Rcode | 'BADVERS'
  readonly authoritative: boolean
  readonly recursionAvailable: boolean
  readonly answers: readonly AnswerRecord[]
  readonly authorities: readonly SoaRecord[]
  readonly truncated?: boolean
}

/** How an answer of ours is said. */
export function sayingOf(answer: Exclude<Answer, { outcome: 'foreign' }>, recursionAvailable: boolean): Say {
  const base = { authoritative: true, recursionAvailable }
  switch (answer.outcome) {
    case 'answered':
      return { ...base, rcode: 'NOERROR', answers: answer.records, authorities: [] }
    case 'nodata':
      return { ...base, rcode: 'NOERROR', answers: [], authorities: [answer.soa] }
    case 'nxdomain':
      return { ...base, rcode: 'NXDOMAIN', answers: [], authorities: [answer.soa] }
  }
}

export const refusing = (rcode: Say['rcode'], recursionAvailable: boolean): Say => ({
  rcode,
  authoritative: false,
  recursionAvailable,
  answers: [],
  authorities: [],
})

/** Bytes of a response to a query; what does not fit into a datagram says so and is asked for again over TCP. */
export function encodeResponse(query: Query, say: Say, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? 65_535 : Math.min(Math.max(query.edns?.udpBytes ?? 0, udpBytesPlain), udpBytesMax)
  const whole = encoded(query, say)
  return whole.length <= limit ? whole : encoded(query, { ...say, answers: [], authorities: [], truncated: true })
}

function encoded(query: Query, say: Say): Buffer {
  const { id, question, edns, recursionDesired } = query
  const word =
    (say.authoritative ? flags.authoritative : 0) |
    (say.truncated === true ? flags.truncated : 0) |
    (recursionDesired ? flags.recursionDesired : 0) |
    (say.recursionAvailable ? flags.recursionAvailable : 0) |
    (say.rcode === 'BADVERS' ? 0 : rcodes[say.rcode])
  return packet.encode({
    type: 'response',
    id,
    flags: word,
    questions: [question as packet.Question],
    answers: [...say.answers] as packet.Answer[],
    authorities: [...say.authorities] as packet.Answer[],
    additionals:
      edns === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: udpBytesMax,
              // BADVERS is 16: its upper eight bits stand here.
              extendedRcode: say.rcode === 'BADVERS' ? 1 : 0,
              ednsVersion: 0,
              flags: edns.dnssecOk ? 0x8000 : 0,
              flag_do: edns.dnssecOk,
              options: [],
            } as packet.OptAnswer,
          ],
  })
}

/** A response without a question, to what could not be read. */
export function encodeBad({ id, rcode, recursionDesired }: Extract<Heard, { outcome: 'bad' }>): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(flags.response | (recursionDesired ? flags.recursionDesired : 0) | rcodes[rcode], 2)
  return bytes
}

/** A query as it goes to an upstream: under a new number, with our mark, so that we know it should it come back. */
export function encodeForwarded(query: Query, id: number, mark: string): Buffer {
  return packet.encode({
    type: 'query',
    id,
    flags: query.recursionDesired ? flags.recursionDesired : 0,
    questions: [query.question as packet.Question],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: Math.min(Math.max(query.edns?.udpBytes ?? 0, udpBytesPlain), udpBytesMax),
        extendedRcode: 0,
        ednsVersion: 0,
        flags: query.edns?.dnssecOk === true ? 0x8000 : 0,
        flag_do: query.edns?.dnssecOk === true,
        options: [{ code: forwardMark, type: 'HOLDFAST', data: Buffer.from(mark, 'latin1') }],
      } as unknown as packet.OptAnswer,
    ],
  })
}

/** Whether a datagram answers what we asked: number and question are ours. */
export function answersForwarded(bytes: Buffer, id: number, question: Question): boolean {
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== id) return false
  if ((bytes.readUInt16BE(2) & flags.response) === 0) return false
  try {
    const [asked] = packet.decode(bytes).questions ?? []
    return (
      asked !== undefined && asked.type === question.type && asked.name.toLowerCase() === question.name.toLowerCase()
    )
  } catch {
    return false
  }
}

/** The same bytes under the number under which the client asked. */
export function underId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(id, 0)
  return copy
}
