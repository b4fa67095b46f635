import { createConnection } from 'node:net'
import { byHand } from '@holdfast/store/testing'
import { startSplittingBalancer } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { get, quiet, vipsOf } from '../testing/faults.js'
import {
  eager,
  type GlobalPlane,
  inStep,
  putService,
  rowsOf,
  startGlobal,
  startZone,
  until,
  type ZonePlane,
} from '../testing/mesh.js'

// Two globals on one database behind a balancer that sends each stream of a session to another one of them.
let first: GlobalPlane
let second: GlobalPlane
let east: ZonePlane
let balancer: Awaited<ReturnType<typeof startSplittingBalancer>>

beforeAll(async () => {
  first = await startGlobal({ replicas: true })
  second = await startGlobal({ replicas: true, database: first.database })
  balancer = await startSplittingBalancer({ globalToZoneSync: first.port, zoneToGlobalSync: second.port })
  east = await startZone('east', balancer.port, { backoff: eager })
  await until('east to be in step', () => inStep(east), 30_000)
})

afterAll(async () => {
  await east?.close()
  await balancer?.close()
  await second?.close()
  await first?.close()
})

test('ONE: streams that came to two globals are one session, at one of them, and changes flow both ways', async () => {
  await until('first to agree', () => first.runtime.views().some((view) => view.peer === 'east' && view.inStep))
  expect(first.runtime.views()).toHaveLength(1)
  expect(second.runtime.views()).toEqual([])
  expect(balancer.counts()).toEqual({ globalToZoneSync: 1, zoneToGlobalSync: 1 })
  await putService(east, 'web')
  await until('global to have web', async () => (await vipsOf(second))['east/web']?.length === 2)
  expect(await vipsOf(east)).toEqual(await vipsOf(second))
})

test('RO: a reconnect is as cheap as over one connection, and writes nothing but where the stream waited', async () => {
  await quiet([first, east])
  // What is written a moment later (status, blocks, acked positions) is written by now.
  let rows = 0
  let looksAlike = 0
  await until('nothing to be written any more', async () => {
    const now = await rowsOf([first, east])
    looksAlike = now === rows ? looksAlike + 1 : 0
    rows = now
    return looksAlike > 10
  })
  const session = east.runtime.view()?.sessionId
  east.proxy.cut('reset')
  await until('east to have another session', () => inStep(east) && east.runtime.view()?.sessionId !== session, 30_000)
  expect(east.runtime.view()?.bytesToProven).toBeLessThanOrEqual(4_096)
  expect(await rowsOf([first, east])).toBe(rows)
  expect(second.runtime.views()).toEqual([])
})

test('a zone is asked through a global that does not have its session, and shown as connected there', async () => {
  await until('second to know of east', () => second.runtime.allViews().length === 1)
  const sync = await get<{ peers: readonly { peer: string; connected: boolean }[] }>(second, '/_holdfast/sync')
  expect(sync.peers).toMatchObject([{ peer: 'east', connected: true }])
  expect(await second.runtime.askZone('east', 'vip-findings', '{}')).toBe(
    await first.runtime.askZone('east', 'vip-findings', '{}'),
  )
  await expect(second.runtime.askZone('nowhere', 'vip-findings', '{}')).rejects.toThrow('zone nowhere is not connected')
})

test('who does not share the database gets no word through the port of the replicas', async () => {
  const [{ address = '' } = {}] = await byHand<{ address: string }>(
    first.database.url,
    'select address from replicas order by instance_id limit 1',
  )
  const socket = createConnection({ host: '127.0.0.1', port: Number(address.split(':')[1]) })
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text
  })
  const ended = new Promise((resolve) => socket.on('error', resolve).on('close', resolve))
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  await ended
  // A TLS alert at most.
  expect(heard.length).toBeLessThanOrEqual(7)
})
