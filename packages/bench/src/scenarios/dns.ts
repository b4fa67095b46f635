import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { atMost, count, exactly, ratio, type Section } from '../report.js'
import type { ChangeFigures } from './dns-change.js'

export interface Load {
  readonly queries: number
  readonly answered: number
  /** Answers that were not the right address. */
  readonly wrong: number
  readonly elapsedMs: number
  /** Of the server's process alone. */
  readonly cpuMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bytesPerName: number
}

export interface DnsFigures {
  readonly services: number
  readonly dns: Load
  readonly echo: Load
}

const sockets = 4
/** Under way at once over all sockets: enough that the server never waits, few enough that no buffer overflows. */
const underWayMax = 128

/** The same client asks a DNS server with so many services and a bare UDP echo, each in a process of its own. */
export async function dnsFigures(services: number, queries: number): Promise<DnsFigures> {
  return { services, echo: await load('echo', services, queries), dns: await load('dns', services, queries) }
}

async function load(what: 'dns' | 'echo', services: number, queries: number): Promise<Load> {
  const program = fileURLToPath(new URL('../../dist/dns/server.js', import.meta.url))
  const server = fork(program, [what, String(services)], { execArgv: ['--expose-gc'] })
  try {
    const [{ port, bytesPerName }] = (await once(server, 'message')) as [{ port: number; bytesPerName: number }]
    // Warm: compiled, and every buffer there.
    await ask(port, what, services, Math.min(queries, 20_000))
    const cpuBefore = await cpuMsOf(server)
    const asked = await ask(port, what, services, queries)
    return { ...asked, bytesPerName, cpuMs: (await cpuMsOf(server)) - cpuBefore }
  } finally {
    server.kill()
    await once(server, 'exit')
  }
}

async function cpuMsOf(server: ReturnType<typeof fork>): Promise<number> {
  server.send('cpu')
  const [{ cpuMs }] = (await once(server, 'message')) as [{ cpuMs: number }]
  return cpuMs
}

/** Where the name of a query made by `queryOf` begins. */
const headerBytes = 12

function queryOf(id: number, at: number): Buffer {
  const labels = [`service-${at}`, 'svc', 'east', 'mesh', 'local'].map((label) =>
    Buffer.concat([Buffer.of(label.length), Buffer.from(label)]),
  )
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, 1, 0, 1)])
}

/** What the last four bytes of a right answer are: the address, which is made of the service's number. */
const rightEnd = (at: number): number => ((241 << 24) | ((16 + (at >> 16)) << 16) | (at & 0xffff)) >>> 0

async function ask(
  port: number,
  what: string,
  services: number,
  queries: number,
): Promise<Omit<Load, 'cpuMs' | 'bytesPerName'>> {
  const waiting = new Map<number, { readonly at: number; readonly startMs: number }>()
  const latencies = new Float64Array(queries)
  let sent = 0
  let answered = 0
  let wrong = 0
  let lastMs = performance.now()
  const startMs = lastMs
  await new Promise<void>((resolve, reject) => {
    const clients = Array.from({ length: sockets }, () =>
      createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 }),
    )
    const end = (): void => {
      clearInterval(watch)
      for (const client of clients) client.close()
      resolve()
    }
    // A datagram that was lost on loopback is not asked for again: it counts as not answered.
    const watch = setInterval(() => {
      if (performance.now() - lastMs > 2_000) end()
    }, 500)
    const next = (client: (typeof clients)[number]): void => {
      if (sent >= queries) return
      const id = sent & 0xffff
      const at = (sent * 7_919) % services
      sent++
      waiting.set(id, { at, startMs: performance.now() })
      client.send(queryOf(id, at), port, '127.0.0.1')
    }
    for (const client of clients) {
      client.on('error', reject)
      client.on('message', (answer) => {
        const id = answer.readUInt16BE(0)
        const asked = waiting.get(id)
        if (asked === undefined) return
        waiting.delete(id)
        lastMs = performance.now()
        latencies[answered++] = lastMs - asked.startMs
        if (what === 'dns' && answer.readUInt32BE(answer.length - 4) !== rightEnd(asked.at)) wrong++
        if (answered === queries) return end()
        next(client)
      })
      client.bind(0, '127.0.0.1', () => {
        for (let i = 0; i < underWayMax / sockets; i++) next(client)
      })
    }
  })
  const sorted = latencies.subarray(0, answered).sort()
  const at = (share: number): number => sorted[Math.min(answered - 1, Math.floor(answered * share))] ?? 0
  return { queries, answered, wrong, elapsedMs: lastMs - startMs, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Client and server share the machine: what one core of the server's does is its share of the queries per CPU second. */
const perCpuSecond = ({ answered, cpuMs }: Load): number => Math.round((answered / cpuMs) * 1_000)
const perSecond = ({ answered, elapsedMs }: Load): number => Math.round((answered / elapsedMs) * 1_000)
const inMs = (value: number): string => `${value.toFixed(2)} ms`

export function dnsSection(figures: readonly DnsFigures[], named: readonly ChangeFigures[]): Section {
  return {
    id: 'dns',
    title: 'DNS over UDP, beside a bare UDP echo',
    columns: [
      ...['services', 'queries', 'per second', 'per CPU second', 'p50', 'p99'],
      ...['echo per second', 'echo per CPU second', 'ratio', 'bytes a name'],
    ],
    rows: figures.map(({ services, dns, echo }) => [
      count(services),
      count(dns.queries),
      count(perSecond(dns)),
      count(perCpuSecond(dns)),
      inMs(dns.p50Ms),
      inMs(dns.p99Ms),
      count(perSecond(echo)),
      count(perCpuSecond(echo)),
      ratio(perCpuSecond(echo) / perCpuSecond(dns)),
      count(Math.round(dns.bytesPerName)),
    ]),
    notes: [
      `${underWayMax} queries under way at once; client and server are processes of their own on one machine`,
      ...named.map(
        (f) =>
          `a change is answered ${inMs(f.medianMs)} after it was acknowledged (median of ${f.changes}; at most ${inMs(f.mostMs)}), beside ${count(f.services)} services`,
      ),
    ],
    gates: figures.flatMap(({ dns }) => [
      exactly('answers that were not the right address', dns.wrong, 0),
      // UDP may lose; loopback with these buffers hardly does.
      atMost('queries without an answer', dns.queries - dns.answered, Math.ceil(dns.queries / 1_000)),
    ]),
    figures: { queries: figures, changes: named },
  }
}
