import { expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const id = '0c9b2a54-5a5f-8a11-8b22-0123456789ab'
const held = {
  id,
  peer: 'east',
  type: 'MeshService',
  zone: 'east',
  resources: 2,
  state: 'held',
  since: ago(300),
  reason: 'all 2 MeshService of zone east absent: an empty list is no statement',
  fate: '2 of 2 resources wait for an operator',
}
const approved = {
  ...held,
  resources: 0,
  state: 'approved',
  fate: 'approved by anna at 2026-01-02T03:04:05.000Z, 2 resources deleted',
}

test('hold list: what waits, and what is only missing so far', async () => {
  const answers = {
    'GET /_holdfast/holds': {
      items: [held],
      absent: [{ type: 'MeshService', zone: 'north', resources: 3, since: ago(20) }],
    },
  }
  const ran = await run(['hold', 'list'], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('hold-list.txt')
})

test('hold list --all: with what became of them', async () => {
  const answers = { 'GET /_holdfast/holds?all=true': { items: [approved], absent: [] } }
  const ran = await run(['hold', 'list', '--all'], { answers })
  expect(ran.out.split('\n').slice(1)).toEqual([
    `${id}   MeshService   east   0           approved   5m    approved by anna at 2026-01-02T03:04:05.000Z, 2 resources deleted`,
    '',
  ])
})

test('hold show: the names, and what to do next', async () => {
  const keys = ['cart', 'web'].map((name) => ({ mesh: 'default', name: `${name}-x1`, displayName: name }))
  const answers = { [`GET /_holdfast/holds/${id}`]: { ...held, keys, keysMore: 0 } }
  const ran = await run(['hold', 'show', id], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('hold-show.txt')
})

test.each(['approve', 'reject'])('hold %s: about what was looked at', async (verb) => {
  const answers = { [`GET /_holdfast/holds/${id}`]: held, [`POST /_holdfast/holds/${id}/${verb}`]: approved }
  const ran = await run(['hold', verb, id], { answers })
  expect(ran).toEqual({
    status: 0,
    err: '',
    out: `hold ${id}: approved by anna at 2026-01-02T03:04:05.000Z, 2 resources deleted (MeshService of east)\n`,
    asked: [[`GET /_holdfast/holds/${id}`], [`POST /_holdfast/holds/${id}/${verb}`, { resources: 2 }]],
  })
})

test('hold approve: what is over says what became of it', async () => {
  const detail = `hold ${id} is not open any more: approved by anna, 2 resources deleted`
  const answers = {
    [`GET /_holdfast/holds/${id}`]: approved,
    [`POST /_holdfast/holds/${id}/approve`]: apiError(409, 'Conflict', detail),
  }
  const ran = await run(['hold', 'approve', id], { answers })
  expect([ran.status, ran.out, ran.err]).toEqual([1, '', `Error: Conflict (${detail})\n`])
})
