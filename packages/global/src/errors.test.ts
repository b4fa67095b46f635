import { EventEmitter } from 'node:events'
import { sessionMetrics } from '@holdfast/peer'
import type { AdminQuestion, Link } from '@holdfast/transport'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Replicas, type ReplicasOptions } from './replicas/index.js'
import { type GlobalOptions, GlobalRuntime } from './runtime.js'

// What a global says to whoever asks it about a zone, in one file that a person has read. A test of the testkit reads off the
// source which there are; what hooks are told stands in hooks.txt.

const log = pino({ level: 'silent' })
const { signal } = new AbortController()

const thrown = (work: () => unknown) => async (): Promise<string> => {
  try {
    await work()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

/** One that has not been started. */
const runtime = (store: object = {}): GlobalRuntime =>
  new GlobalRuntime({
    ...{
      address: '127.0.0.1',
      port: 0,
      version: '0.1.0',
      instanceId: 'a',
      log,
      metrics: sessionMetrics(new Registry()),
    },
    store: { onAdvanced: () => () => {}, recovery: { onStranger: () => () => {} }, ...store },
  } as unknown as GlobalOptions)

/** This replica, beside one that has gone away without a word. */
async function besideGone(work: (replicas: Replicas) => Promise<unknown>): Promise<void> {
  const gone = { instanceId: 'b', address: '127.0.0.1:1', version: '0.1.0', draining: false }
  const replicas = new Replicas({
    ...{ instanceId: 'a', version: '0.1.0', host: '127.0.0.1', port: 0, log },
    store: { beat: async () => [gone], leave: async () => {}, whereWaits: async () => 'b' },
  } as unknown as ReplicasOptions)
  try {
    await replicas.drain()
    await work(replicas)
  } finally {
    await replicas.close()
  }
}

/** A stream of a zone whose partner waits at a replica that is gone. */
const handedOver = (replicas: Replicas): Promise<unknown> =>
  new Promise((_, reject) => {
    const call = Object.assign(new EventEmitter(), { metadata: { toJSON: () => ({}) } })
    call.once('error', reject)
    void replicas
      .seek({ zone: 'west', sessionId: 'aaaaaaaa', stream: 'zoneToGlobal', signal } as Parameters<Replicas['seek']>[0])
      .then((take) => take?.(call as never))
  })

/** What a zone is told when it is let in, and global has not what it needs for that. */
const unopened = (): Promise<string> =>
  new Promise((resolve) => {
    const peer = { name: 'west', extension: false, version: '2.14.3' }
    const link = { peer, close: async ({ reason }: { readonly reason: string }) => resolve(reason) }
    const meetPlain = async () => {
      throw new Error('the database does not answer')
    }
    runtime({ sessions: { meetPlain } }).accept(link as unknown as Link)
  })

const leaving = async (): Promise<string> => {
  const global = runtime()
  await global.drain()
  return new Promise((resolve) => {
    const link = { close: async ({ reason }: { readonly reason: string }) => resolve(reason) }
    global.accept(link as unknown as Link)
  })
}

const absent = await thrown(() => runtime().askZone('west', 'status', '{}'))()

const cases: readonly (readonly [what: string, said: () => Promise<string>])[] = [
  ['a zone that is away', thrown(() => runtime().askZone('west', 'status', '{}'))],
  ['a zone that dials while the database does not answer', unopened],
  ['a zone that dials while this global stops', leaving],
  ['a proxy before zones are served', thrown(() => runtime().askProxy('west', {} as AdminQuestion, signal))],
  [
    'a zone that may be at a replica that is gone',
    thrown(() => besideGone((replicas) => replicas.ask('zone', {}, absent))),
  ],
  ['a stream whose partner is at a replica that is gone', thrown(() => besideGone(handedOver))],
]

test('who asks about a zone is told which, and who could not be asked', async () => {
  const told: string[] = []
  for (const [what, tell] of cases) {
    const text = await tell()
    expect([what, text]).not.toEqual([what, 'no error'])
    told.push(`# ${what}\n${text}\n`)
  }
  expect(told.join('\n')).toBeGolden('errors.txt')
})
