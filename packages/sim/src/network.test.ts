import type { SessionMessage } from '@holdfast/kds'
import { expect, test } from 'vitest'
import { Clock, Scope } from './clock.js'
import { Link, streamOf, streams } from './network.js'
import { Random } from './random.js'

const down = (id: number): SessionMessage => ({ type: 'question', id: String(id), what: '', body: '' })
const up = (id: number): SessionMessage => ({
  type: 'to-sender',
  channel: 'up',
  message: { type: 'ack', resourceType: '', nonce: String(id) },
})

function world(seed: string) {
  const clock = new Clock(0)
  const link = new Link(clock, new Random(seed), new Scope())
  const heard: string[] = []
  for (const end of ['zone', 'global'] as const)
    link.attach(end, {
      received: (message) => {
        if (message.type !== 'plain') heard.push(`${end}: ${streamOf(message)} ${idOf(message)}`)
      },
      ended: (stream, reason) => heard.push(`${end}: ${stream} ended: ${reason}`),
    })
  const settle = (): readonly string[] => {
    while (clock.step(100_000));
    return heard
  }
  return { clock, link, settle }
}

const idOf = (message: SessionMessage): string => {
  if (message.type === 'question') return message.id
  return message.type === 'to-sender' && message.message.type === 'ack' ? message.message.nonce : ''
}

test('each stream keeps its order; the two are not in step with each other', () => {
  const orders = new Set<string>()
  for (let seed = 0; seed < 20; seed++) {
    const { link, settle } = world(`order ${seed}`)
    for (const id of [1, 2, 3]) {
      link.send('global', down(id))
      link.send('global', up(id))
    }
    const heard = settle()
    for (const stream of streams)
      expect(heard.filter((line) => line.includes(stream)).map((line) => line.slice(-1))).toEqual(['1', '2', '3'])
    orders.add(heard.join())
  }
  expect(orders.size).toBeGreaterThan(1)
})

test('what is on its way when the link is cut is lost, and both ends learn of it', () => {
  const { link, settle } = world('cut')
  link.send('zone', down(1))
  link.cut()
  link.send('zone', down(2))
  expect([...settle()].sort()).toEqual(
    ['global', 'zone'].flatMap((end) =>
      [...streams].sort().map((stream) => `${end}: ${stream} ended: connection reset`),
    ),
  )
})

test('half-open: one direction is silent, the other is not, and nobody is told', () => {
  const { link, settle } = world('half')
  link.silence('zone')
  link.send('zone', down(1))
  link.send('global', down(2))
  expect(settle()).toEqual(['zone: GlobalToZoneSync 2'])
})

test('frozen: late, not lost', () => {
  const { clock, link, settle } = world('freeze')
  link.freeze(5_000)
  link.send('zone', down(1))
  while (clock.step(4_999));
  expect(settle()).toEqual(['global: GlobalToZoneSync 1'])
})

test('what was said before a close still arrives, and what the other end says goes nowhere', () => {
  const { link, settle } = world('close')
  link.send('global', down(1))
  link.close('global', 'done')
  link.send('zone', down(2))
  const heard = settle()
  expect(heard.indexOf('zone: GlobalToZoneSync 1')).toBeLessThan(heard.indexOf('zone: GlobalToZoneSync ended: done'))
  expect(heard.filter((line) => line.startsWith('global'))).toEqual([])
})

test('an echo repeats answers and nothing else, after them, and delays nobody', () => {
  const { link, settle } = world('echo')
  link.echo = { chance: 1, random: new Random('echo') }
  link.send('zone', up(1))
  link.send('zone', down(2))
  link.send('zone', up(3))
  const plain = world('echo')
  plain.link.send('zone', up(1))
  plain.link.send('zone', down(2))
  plain.link.send('zone', up(3))
  const heard = settle()
  const count = (id: number): number => heard.filter((line) => line.endsWith(` ${id}`)).length
  expect([count(1), count(2), count(3)]).toEqual([2, 1, 2])
  // Without the repetitions it is what was heard before.
  expect([...new Set(heard)]).toEqual(plain.settle())
})
