import { promises as dns } from 'node:dns'
import { connect } from 'node:net'
import packet from 'dns-packet'
import { expect, test } from 'vitest'
import { connectionsMax } from './server/serve.js'
import { askTcp, askUdp, query, rcodeOf, startServer } from './testing/server.js'
import { served, service } from './testing/services.js'

const many = Array.from({ length: 200 }, (_, i) => `241.16.1.${i + 1}`)
const world = served([
  service({ name: 'web', addresses: ['241.16.0.1', 'fd00:1:2::1'] }),
  service({ name: 'pay', origin: 'west', addresses: ['241.32.0.9'] }),
  service({ name: 'wide', addresses: many }),
])

/** A resolver library that knows nothing of ours: c-ares, as every Node program has it. */
function resolverOf(port: number): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 2 })
  resolver.setServers([`127.0.0.1:${port}`])
  return resolver
}

test('a resolver library finds services, ports and reverse names, and is told what is not there', async () => {
  await using server = await startServer({ served: () => world })
  const resolver = resolverOf(server.port)
  expect(await resolver.resolve4('web.svc.mesh.local', { ttl: true })).toEqual([{ address: '241.16.0.1', ttl: 60 }])
  expect(await resolver.resolve6('WEB.svc.mesh.local')).toEqual(['fd00:1:2::1'])
  expect(await resolver.resolve4('pay.svc.west.mesh.local')).toEqual(['241.32.0.9'])
  expect(await resolver.resolveSrv('_http._tcp.web.svc.mesh.local')).toMatchObject([
    { name: 'web.svc.mesh.local', port: 80 },
  ])
  expect(await resolver.reverse('241.16.0.1')).toEqual(['web.svc.mesh.local'])
  expect(await resolver.reverse('fd00:1:2::1')).toEqual(['web.svc.mesh.local'])
  expect(await resolver.resolveSoa('mesh.local')).toMatchObject({ serial: 7, minttl: 5 })
  await expect(resolver.resolve4('nobody.svc.mesh.local')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(resolver.resolve6('pay.svc.west.mesh.local')).rejects.toMatchObject({ code: 'ENODATA' })
  await expect(resolver.resolve4('example.com')).rejects.toMatchObject({ code: 'EREFUSED' })
  // What does not fit into a datagram is asked for again over TCP, which the library does by itself.
  expect((await resolver.resolve4('wide.svc.mesh.local')).sort()).toEqual([...many].sort())
})

test('a datagram is as long as its reader can take: 512 bytes, or what EDNS0 says up to 1,232; TCP has all of it', async () => {
  await using server = await startServer({ served: () => world })
  const opt = (udpPayloadSize: number) => ({
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize, flags: 0, ednsVersion: 0, options: [] } as unknown as packet.OptAnswer,
    ],
  })
  const plain = await askUdp(server.port, query('wide.svc.mesh.local', 'A'))
  expect([packet.decode(plain).flag_tc, packet.decode(plain).answers]).toEqual([true, []])
  const large = await askUdp(server.port, query('wide.svc.mesh.local', 'A', opt(65_000)))
  expect([packet.decode(large).flag_tc, large.length <= 1_232]).toEqual([true, true])
  const web = packet.decode(await askUdp(server.port, query('web.svc.mesh.local', 'A', opt(4_096))))
  expect(web.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1_232 }])
  expect([web.flag_aa, web.flag_tc, web.id]).toEqual([true, false, 4_711])
  const [wide, again] = await askTcp(server.port, [query('wide.svc.mesh.local', 'A'), query('web.svc.mesh.local', 'A')])
  expect(packet.decode(wide ?? Buffer.alloc(0)).answers).toHaveLength(200)
  expect(packet.decode(again ?? Buffer.alloc(0)).answers).toMatchObject([{ data: '241.16.0.1' }])
  const version1 = { ...opt(4_096).additionals[0], ednsVersion: 1 } as unknown as packet.OptAnswer
  const bad = await askUdp(server.port, query('web.svc.mesh.local', 'A', { additionals: [version1] }))
  expect([rcodeOf(bad), packet.decode(bad).additionals]).toMatchObject(['NOERROR', [{ extendedRcode: 1 }]])
})

test('what is not ours is asked of the upstreams, the next where one is silent, and none is SERVFAIL', async () => {
  await using other = await startServer({
    served: () =>
      served([service({ name: 'db', addresses: ['10.0.0.7'] }), service({ name: 'wide', addresses: many })]),
    mark: 'other',
  })
  const ours = () => served([], [])
  await using server = await startServer({ served: ours, upstreams: [{ host: '127.0.0.1', port: other.port }] })
  const resolver = resolverOf(server.port)
  expect(await resolver.resolve4('db.svc.mesh.local')).toEqual(['10.0.0.7'])
  expect(await resolver.resolve4('wide.svc.mesh.local')).toHaveLength(200)
  await expect(resolver.resolve4('nobody.svc.mesh.local')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(server.verdicts.get('forwarded')).toBeGreaterThanOrEqual(3)
  await using alone = await startServer({
    served: ours,
    upstreams: [
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: other.port },
    ],
  })
  expect(await resolverOf(alone.port).resolve4('db.svc.mesh.local')).toEqual(['10.0.0.7'])
  await using lost = await startServer({ served: ours, upstreams: [{ host: '127.0.0.1', port: 1 }] })
  expect(rcodeOf(await askUdp(lost.port, query('db.svc.mesh.local', 'A')))).toBe('SERVFAIL')
})

test('an upstream that asks us back is noticed, and the circle ends', async () => {
  await using placeholder = await startServer({ served: () => undefined })
  const port = placeholder.port
  await placeholder[Symbol.asyncDispose]()
  await using server = await startServer({
    served: () => served([], []),
    upstreams: [{ host: '127.0.0.1', port }],
    port,
  })
  expect(rcodeOf(await askUdp(server.port, query('example.com', 'A')))).toBe('REFUSED')
  expect([server.loops(), server.underWay()]).toEqual([1, 0])
})

test('before anything is known there is no answer that says "no such name"', async () => {
  await using server = await startServer({ served: () => undefined })
  expect(rcodeOf(await askUdp(server.port, query('web.svc.mesh.local', 'A')))).toBe('SERVFAIL')
})

test('a thousand connections that say nothing stop nobody from asking over UDP, and half a message is no message', async () => {
  await using server = await startServer({ served: () => world })
  const silent = Array.from({ length: connectionsMax + 50 }, () =>
    connect(server.port, '127.0.0.1').on('error', () => undefined),
  )
  await Promise.all(
    silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))),
  )
  silent[0]?.write(Buffer.of(0, 200, 1, 2, 3))
  expect(await resolverOf(server.port).resolve4('web.svc.mesh.local')).toEqual(['241.16.0.1'])
  for (const socket of silent) socket.destroy()
})

test('a port that is taken is said', async () => {
  await using server = await startServer({ served: () => world })
  await expect(startServer({ served: () => world, port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
