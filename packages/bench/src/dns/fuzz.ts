import { Responder, SourceLimit, servedBy } from '@holdfast/dns'
import { tableOf } from './table.js'

/**
 * `node packages/bench/dist/dns/fuzz.js [PACKETS] [SEED]`: malformed packets by the million against what answers them, in
 * this process. Nothing may throw, memory must stay, and nobody may get more out than he put in, budget apart. Prints
 * what became of them; exit status 1 if anything was wrong.
 */
const [, , packets = '1000000', seed = '1'] = process.argv

/** Numerical Recipes' generator: the same packets for the same seed. */
function numbers(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const good = Buffer.from(
  '126701000001000000000000037765620373766304656173740' + '46d657368056c6f63616c0000010001',
  'hex',
)
const withEdns = Buffer.concat([good, Buffer.from('0000291000000080000000', 'hex')])
withEdns[11] = 1

function packetOf(random: (below: number) => number): Buffer {
  const kind = random(4)
  if (kind === 0) return Buffer.from(Array.from({ length: random(600) }, () => random(256)))
  const bytes = Buffer.from(kind === 1 ? withEdns : good)
  for (let i = random(8); i >= 0; i--) bytes[random(bytes.length)] = random(256)
  if (kind !== 3) return bytes
  const tail = Buffer.from(Array.from({ length: random(64) }, () => random(256)))
  return Buffer.concat([bytes.subarray(0, random(bytes.length + 1)), tail])
}

const verdicts = new Map<string, number>()
const served = servedBy(tableOf(1_000), ['241.0.0.0/8'], 1)
const responder = new Responder({
  served: () => served,
  forwarder: undefined,
  mark: 'fuzz',
  count: (verdict) => verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1),
  onLoop: () => undefined,
})
const random = numbers(Number(seed))
const limit = new SourceLimit()
let bytesIn = 0
let bytesOut = 0
let longest = 0
const problems: string[] = []
globalThis.gc?.()
const heapBefore = process.memoryUsage().heapUsed
for (let i = 0; i < Number(packets); i++) {
  const packet = packetOf(random)
  try {
    const response = responder.respond(packet, 'udp')
    if (response instanceof Promise) throw new Error('nobody was to be asked')
    bytesIn += packet.length
    if (response === undefined) continue
    // Time stands still: there is one budget for all of it.
    const out = limit.allows('192.0.2.1', response.length - packet.length, 0) ? response.length : packet.length
    bytesOut += out
    longest = Math.max(longest, response.length)
    if (response.length >= 2 && packet.length >= 2 && response.readUInt16BE(0) !== packet.readUInt16BE(0))
      throw new Error('an answer to somebody else')
  } catch (error) {
    problems.push(`${packet.toString('hex')}: ${(error as Error).message}`)
    if (problems.length > 10) break
  }
}
globalThis.gc?.()
const heapAfter = process.memoryUsage().heapUsed
const report = {
  packets: Number(packets),
  verdicts: Object.fromEntries(verdicts),
  bytesIn,
  bytesOut,
  amplification: bytesOut / bytesIn,
  longest,
  heapGrowthKiB: Math.round((heapAfter - heapBefore) / 1_024),
  problems,
}
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
process.exitCode = problems.length > 0 || bytesOut > bytesIn + 65_536 ? 1 : 0
