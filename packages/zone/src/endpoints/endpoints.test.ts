import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Endpoints } from './endpoints.js'

const first = (): number => 0
const [a, b, c, d] = ['grpc://a:1', 'grpc://b:1', 'grpc://c:1', 'grpc://d:1'] as const
const statesOf = (endpoints: Endpoints): Readonly<Record<string, string>> =>
  Object.fromEntries(endpoints.view().map(({ address, source, state }) => [address, `${source}, ${state}`]))

/** One session over the next address. */
function session(endpoints: Endpoints, outcome: 'in step' | 'failed', nowMs = 0): string {
  const address = endpoints.next(first)
  if (outcome === 'in step') endpoints.proven(nowMs)
  endpoints.ended(outcome === 'failed' ? 'connection refused' : 'reset', nowMs)
  return address
}

test('EMPTY: a learned list is taken when a session over one of its addresses was in step, and not before', () => {
  const endpoints = new Endpoints([a])
  expect(endpoints.next(first)).toBe(a)
  expect(endpoints.proven(1)).toEqual({ changed: true, adopted: false })
  expect(endpoints.learn([b, c])).toMatchObject({ outcome: 'learned' })
  expect([endpoints.good, statesOf(endpoints)]).toEqual([
    undefined,
    { [b]: 'learned, untried', [c]: 'learned, untried', [a]: 'configured, in use' },
  ])
  endpoints.ended('reset', 2)
  // What worked last comes first, then one of each source in turn.
  expect([session(endpoints, 'failed'), endpoints.next(first)]).toEqual([a, c])
  expect(endpoints.proven(3)).toEqual({ changed: true, adopted: true })
  expect([endpoints.good, statesOf(endpoints)]).toEqual([
    { addresses: [b, c], lastInStep: c },
    { [b]: 'good, untried', [c]: 'good, in use', [a]: 'configured, failed' },
  ])
  // The session that there is proves a list that has its address.
  expect(endpoints.learn([c, d])).toMatchObject({ outcome: 'adopted' })
  expect(endpoints.good?.addresses).toEqual([c, d])
})

test('EMPTY: a list of addresses that nobody answers at stays beside the last good one, which goes on being dialled', () => {
  const endpoints = new Endpoints([a])
  endpoints.remember({ addresses: [b], lastInStep: b })
  endpoints.learn([c, d])
  const dialled = new Set<string>()
  for (let round = 0; round < 3; round++) {
    do dialled.add(session(endpoints, 'failed'))
    while (endpoints.roundGoesOn)
  }
  expect([...dialled].sort()).toEqual([a, b, c, d])
  expect(session(endpoints, 'in step')).toBe(b)
  expect(endpoints.good?.addresses).toEqual([b])
  expect(endpoints.view().find(({ address }) => address === d)).toMatchObject({
    source: 'learned',
    state: 'failed',
    failures: 3,
    lastError: 'connection refused',
  })
})

test('EMPTY: an empty list is refused, and so is one that would talk a zone out of TLS', () => {
  const endpoints = new Endpoints(['grpcs://a:1'])
  expect(endpoints.learn([])).toEqual({ outcome: 'refused', why: 'it is empty' })
  expect(endpoints.learn(['grpc://evil:1'])).toMatchObject({ outcome: 'refused', why: expect.stringContaining('TLS') })
  expect(endpoints.learn(['grpc://evil:1', 'grpcs://b:1'])).toMatchObject({ outcome: 'learned' })
  expect(endpoints.view().map(({ address }) => address)).toEqual(['grpcs://b:1', 'grpcs://a:1'])
})

test('the last resort is not far away: a round that begins with 32 dead addresses dials the configured one among the first three', () => {
  const endpoints = new Endpoints([a])
  const dead = Array.from({ length: 32 }, (_, i) => `grpc://dead-${i}:1`)
  endpoints.remember({ addresses: dead, lastInStep: dead[7] })
  endpoints.learn([...dead].reverse().slice(3))
  const round = [session(endpoints, 'failed'), session(endpoints, 'failed'), session(endpoints, 'failed')]
  expect(round[0]).toBe(dead[7])
  expect(round).toContain(a)
})

const address = fc.constantFrom(a, b, c, d, 'grpc://e:1')
const act = fc.oneof(
  fc.record({ act: fc.constant('learn' as const), list: fc.array(address, { maxLength: 3 }) }),
  fc.record({ act: fc.constant('session' as const), inStep: fc.boolean() }),
)

test('EMPTY: whatever is learned and whatever fails, every round dials what is configured and the good list is one that has worked', () => {
  fc.assert(
    fc.property(
      fc.array(act, { maxLength: 40 }),
      fc.array(address, { minLength: 1, maxLength: 2 }),
      (acts, configured) => {
        const endpoints = new Endpoints(configured)
        const worked = new Set<string>()
        for (const one of acts) {
          if (one.act === 'learn') endpoints.learn(one.list)
          else {
            const dialled = endpoints.next(() => 0.5)
            expect(endpoints.view().map((view) => view.address)).toContain(dialled)
            if (one.inStep) {
              endpoints.proven(0)
              worked.add(dialled)
            }
            endpoints.ended('over', 0)
          }
          if (endpoints.good !== undefined) expect(endpoints.good.addresses.some((good) => worked.has(good))).toBe(true)
          expect(endpoints.view().map((view) => view.address)).toEqual(expect.arrayContaining(configured))
        }
        while (endpoints.roundGoesOn) session(endpoints, 'failed')
        const round: string[] = []
        do round.push(session(endpoints, 'failed'))
        while (endpoints.roundGoesOn)
        expect(round).toEqual(expect.arrayContaining(configured))
        expect(new Set(round).size).toBe(round.length)
      },
    ),
  )
})
