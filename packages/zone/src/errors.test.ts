import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseBody, typeOf } from '@holdfast/model'
import type { SessionHandle } from '@holdfast/peer'
import { type ControlPlaneStore, nothingReturned, type Row } from '@holdfast/store'
import type { AdminQuestion } from '@holdfast/transport'
import { pino } from 'pino'
import { afterAll, expect, test, vi } from 'vitest'
import { Endpoints } from './endpoints/endpoints.js'
import { askProxyAdmin, withoutTokens } from './proxy-admin.js'
import { Recall } from './recall.js'
import { type ZoneOptions, ZoneRuntime } from './runtime.js'
import { ServiceStand, until } from './testing/service-stand.js'

// What a zone says of its proxies, its services and its global, in one file that a person has read. A test of the testkit
// reads off the source which there are.

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const thrown = (work: () => unknown) => async (): Promise<string> => {
  try {
    await work()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

const refusing: RequestListener = (_, response) => response.writeHead(503).end()
/** What is said of a proxy of this zone that is at this address, and answers its admin interface so. */
const proxy = (address: string, { name = 'dp', mesh = 'default', answer = refusing } = {}) =>
  thrown(async () => {
    const server = createServer(answer)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const admin = { port: (server.address() as AddressInfo).port }
    const networking = { address, admin, inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] }
    const body = { type: 'Dataplane', mesh: 'default', name: 'dp', networking }
    const parsed = parseBody(typeOf('Dataplane'), body, { writer: { role: 'zone', zone: 'east', federated: false } })
    const spec = parsed.outcome === 'parsed' ? parsed.body.spec : new Uint8Array()
    const row = { ...body, origin: 'east', spec, deleted: false } as unknown as Row
    const read = { get: async (key: { readonly name: string }) => (key.name === 'dp' ? row : undefined) }
    const store = { read } as unknown as Pick<ControlPlaneStore, 'read'>
    const resourceType = mesh === '' ? 'ZoneIngress' : 'Dataplane'
    const question: AdminQuestion = {
      ...{ kind: 'stats', resourceType, name, mesh, format: 'text', includeEds: false, usedOnly: false },
    }
    return askProxyAdmin({ store, zone: 'east' }, question)
  })

/** The five seconds are over when the proxy says so, on a busy machine too. */
const inItsTime = (answer: RequestListener) => async (): Promise<string> => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    return await proxy('127.0.0.1', { answer })()
  } finally {
    vi.useRealTimers()
  }
}

/** One that has not been started. */
const withoutSession = thrown(() => {
  const options = {
    zone: 'east',
    globalAddresses: ['grpcs://global:5685'],
    backoff: {},
    log: pino({ level: 'silent' }),
  }
  return new ZoneRuntime(options as unknown as ZoneOptions).askGlobal('status', '{}')
})

const learned =
  (...addresses: readonly string[]) =>
  async (): Promise<string> =>
    new Endpoints(['grpcs://global:5685']).learn(addresses).why || 'no error'

/** What a zone says that asks for what it has lost, and is answered so. */
const recalled = (answer: { readonly body: string; readonly error: string }) =>
  thrown(() => {
    const session = { ended: new Promise(() => {}), recall: () => queueMicrotask(() => recall.heard(answer)) }
    const recall: Recall = new Recall({
      session: session as unknown as SessionHandle,
      returns: { take: async () => nothingReturned } as unknown as ControlPlaneStore['returns'],
      signal: new AbortController().signal,
      log: pino({ level: 'silent' }),
    })
    return recall.run()
  })

const tag = (service: string, protocol?: string) => ({
  'kuma.io/service': service,
  ...(protocol === undefined ? {} : { 'kuma.io/protocol': protocol }),
})

/** Why something of a service is not as its Dataplanes have it. */
const services = (make: (zone: ServiceStand) => Promise<void>) => async (): Promise<string> => {
  await using zone = await ServiceStand.start()
  await make(zone)
  await until('a problem', async () => zone.runtime.problems().length > 0)
  return zone.runtime
    .problems()
    .map(({ name, reason, message }) => `${name}: ${reason}: ${message}`)
    .join('\n')
}

const rooms: Readonly<Record<string, readonly (readonly [what: string, said: () => Promise<string>])[]>> = {
  Proxies: [
    ['one that is not there', proxy('127.0.0.1', { name: 'other' })],
    ['one of no mesh that is not there', proxy('127.0.0.1', { name: 'other', mesh: '' })],
    ['one on another machine', proxy('10.0.0.1')],
    ['one that refuses', proxy('127.0.0.1')],
    // Nobody listens there, or there is no IPv6 at all: this machine has its own words for it.
    ['one over IPv6', async () => (await proxy('::1')()).replace(/\d+(\/stats: ).*/, 'PORT$1WHY')],
    ['one that goes away', proxy('127.0.0.1', { answer: (request) => request.socket.destroy() })],
    ['one that says too much', inItsTime((_, response) => response.end(Buffer.alloc(32 * 1024 * 1024 + 1)))],
    ['one that says nothing', inItsTime(() => vi.advanceTimersByTime(60_000))],
    ['a dump that is none', thrown(() => withoutTokens(Buffer.from('no')))],
  ],
  'The addresses of global': [
    ['an empty list', learned()],
    ['a list in plaintext', learned('grpc://global:5685')],
  ],
  'What this zone has lost': [
    ['global cannot answer', recalled({ body: '', error: 'the database does not answer' })],
    [
      'global does not move',
      recalled({
        body: JSON.stringify({ rows: [], blocks: [], ledger: [], refused: [], standing: { nowMs: 0 }, next: '' }),
        error: '',
      }),
    ],
    ['global is away', withoutSession],
  ],
  Services: [
    ['a name that is none', services((zone) => zone.putDataplane('dp-1', [{ port: 80, tags: tag('My_Service') }]))],
    [
      'one port twice',
      services((zone) =>
        zone.put('Dataplane', 'dp-1', {
          networking: {
            address: '10.0.0.1',
            inbound: [
              { port: 80, address: '10.0.0.1', tags: tag('web', 'http') },
              { port: 80, address: '10.0.0.2', tags: tag('web', 'http') },
            ],
          },
        }),
      ),
    ],
    [
      'a name that somebody has taken',
      services(async (zone) => {
        await zone.put('MeshService', 'web', { spec: { ports: [{ port: 80 }] } })
        await zone.putTagged('dp-1', 'web')
      }),
    ],
    [
      'one Dataplane that differs',
      services(async (zone) => {
        await zone.putTagged('dp-1', 'web', 80)
        await zone.putTagged('dp-2', 'web', 81)
      }),
    ],
    [
      'two Dataplanes that differ',
      services(async (zone) => {
        await zone.putTagged('dp-1', 'web', 80)
        await until('web', async () => (await zone.service('web')) !== undefined)
        await zone.putTagged('dp-2', 'web', 81)
        await zone.putTagged('dp-3', 'web', 82)
        await until('both', async () => zone.runtime.problems().some(({ message }) => message.includes('dp-3')))
      }),
    ],
  ],
}

const told = new Map<string, string>()

test.each(Object.entries(rooms))('%s: what is wrong names the thing and the next act', async (room, cases) => {
  const texts: string[] = []
  for (const [what, tell] of cases) {
    const text = (await tell()).replace(/(127\.0\.0\.1:|10\.0\.0\.1:)\d+/g, '$1PORT')
    expect([what, text]).not.toEqual([what, 'no error'])
    texts.push(`# ${what}\n${text}\n`)
  }
  told.set(room, texts.join('\n'))
})

test('all of it stands in a file that a person has read', () => {
  const printed = Object.keys(rooms).map((room) => `## ${room}\n\n${told.get(room) ?? ''}`)
  expect(printed.join('\n')).toBeGolden('errors.txt')
})
