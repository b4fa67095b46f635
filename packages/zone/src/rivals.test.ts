import type { ControlPlaneStore } from '@holdfast/store'
import { expect, test } from 'vitest'
import { Rivals } from './rivals.js'

type Session = Awaited<ReturnType<ControlPlaneStore['sessions']['list']>>[number]

const session = (sessionId: string, more: Partial<Session> = {}): Session => ({
  sessionId,
  peer: '',
  openedAtMs: 0,
  instanceId: `of-${sessionId}`,
  peerInstanceId: 'global',
  peerVersion: '0.1.0',
  extension: true,
  counters: {},
  ...more,
})

/** A store whose sessions a test sets by hand. */
class World {
  sessions: readonly Session[]
  readonly rivals = new Rivals({ list: () => Promise.resolve([...this.sessions]) })

  constructor(...sessions: readonly Session[]) {
    this.sessions = sessions
  }
}

test('neither our own sessions nor those of a predecessor are rivals, nor what a peer of ours closed', async () => {
  const w = new World(session('predecessor'))
  await w.rivals.begin()
  w.rivals.own('ours')
  w.sessions = [
    session('predecessor'),
    session('ours'),
    session('gone', { closedAtMs: 5 }),
    session('x', { peer: 'y' }),
  ]
  expect(await w.rivals.living(0)).toBeUndefined()
})

test('ONE: a newer session is yielded to until it is closed', async () => {
  const w = new World()
  await w.rivals.begin()
  w.sessions = [session('rival')]
  expect(await w.rivals.living(0)).toEqual({ sessionId: 'rival', instanceId: 'of-rival' })
  w.sessions = [session('rival', { closedAtMs: 9 })]
  expect(await w.rivals.living(1_000)).toBeUndefined()
})

test('a rival that falls silent is given up after three heartbeats of our own clock, whatever the times in the store', async () => {
  const w = new World()
  await w.rivals.begin()
  const seen: [atMs: number, yields: boolean][] = []
  const look = async (atMs: number, lastHeartbeatMs?: number): Promise<void> => {
    w.sessions = [session('rival', lastHeartbeatMs === undefined ? {} : { lastHeartbeatMs })]
    seen.push([atMs, (await w.rivals.living(atMs)) !== undefined])
  }
  await look(0)
  await look(14_000)
  await look(15_000, 77)
  await look(30_000, 77)
  await look(30_001, 77)
  await look(31_000, 78)
  expect(seen).toEqual([
    [0, true],
    [14_000, true],
    [15_000, true],
    [30_000, true],
    [30_001, false],
    [31_000, true],
  ])
})
