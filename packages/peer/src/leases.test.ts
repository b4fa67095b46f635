import type { HeldLease, LeaseStore } from '@holdfast/store'
import { MemoryLeases } from '@holdfast/store'
import pino from 'pino'
import { expect, test } from 'vitest'
import { Leases, leaseTtlMs } from './leases.js'

const log = pino({ level: 'silent' })

/** Processes on one database, looked at by hand. */
class Stand {
  nowMs = 1_000_000
  readonly store = new MemoryLeases(() => this.nowMs)
  fails = false

  process(holder: string, gone: readonly string[] = []): Leases {
    const guarded = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => (this.fails ? Promise.reject(new Error('no database')) : act(...args))
    }
    const { store } = this
    const leases: LeaseStore = {
      take: guarded((request) => store.take(request)),
      release: guarded((who, names) => store.release(who, names)),
      list: guarded(() => store.list()),
    }
    return new Leases({
      store: leases,
      holder,
      place: { text: `at ${holder}`, isGone: (place) => gone.includes(place) },
      names: ['dial', 'scrub'],
      log,
      nowMs: () => this.nowMs,
    })
  }

  async look(leases: Leases): Promise<readonly (number | undefined)[]> {
    await leases.look()
    return tokens(leases)
  }
}

const tokens = (leases: Leases): readonly (number | undefined)[] =>
  ['dial', 'scrub'].map((name): HeldLease | undefined => leases.held(name)).map((lease) => lease?.token)

test('ONE: the first has all of it, the second stands by and takes over when it closes', async () => {
  const stand = new Stand()
  const [first, second] = [stand.process('first'), stand.process('second')]
  expect(await stand.look(first)).toEqual([1, 1])
  expect(await stand.look(second)).toEqual([undefined, undefined])
  expect([first.other('dial'), second.other('dial')?.holder]).toEqual([undefined, 'first'])
  await first.close()
  expect(tokens(first)).toEqual([undefined, undefined])
  expect(await stand.look(second)).toEqual([2, 2])
  await second.close()
})

test('F09: a process that stood still has lost its leases the moment it goes on, before it has asked anybody', async () => {
  const stand = new Stand()
  const [first, second] = [stand.process('first'), stand.process('second')]
  await stand.look(first)
  stand.nowMs += leaseTtlMs - 1
  expect([tokens(first), await stand.look(second)]).toEqual([
    [1, 1],
    [undefined, undefined],
  ])
  stand.nowMs += 60_000
  expect(tokens(first)).toEqual([undefined, undefined])
  expect(await stand.look(second)).toEqual([2, 2])
  expect([await stand.look(first), first.other('dial')?.holder]).toEqual([[undefined, undefined], 'second'])
  await Promise.all([first.close(), second.close()])
})

test('while the database does not answer nobody is said to have taken over, and nothing may be begun', async () => {
  const stand = new Stand()
  const first = stand.process('first')
  await stand.look(first)
  stand.fails = true
  stand.nowMs += leaseTtlMs
  expect([await stand.look(first), first.other('dial')]).toEqual([[undefined, undefined], undefined])
  stand.fails = false
  expect(await stand.look(first)).toEqual([1, 1])
  await first.close()
})

test('the lease of a process that is known to have ended is free at once', async () => {
  const stand = new Stand()
  await stand.look(stand.process('first'))
  expect(await stand.look(stand.process('second', ['at first']))).toEqual([2, 2])
})

test('who listens hears of gains and losses, and of nothing else', async () => {
  const stand = new Stand()
  const first = stand.process('first')
  let heard = 0
  first.onChange(() => heard++)
  await stand.look(first)
  await stand.look(first)
  expect(heard).toBe(1)
  stand.nowMs += leaseTtlMs
  await stand.process('second').look()
  await stand.look(first)
  expect([heard, tokens(first)]).toEqual([2, [undefined, undefined]])
})
