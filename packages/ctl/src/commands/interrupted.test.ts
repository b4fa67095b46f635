import { expect, test } from 'vitest'
import { run } from '../testing/run.js'

const timeout = (name: string) =>
  `type: MeshTimeout\nmesh: default\nname: ${name}\nspec:\n  to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 1s}}]\n`
const line = (name: string, outcome: string) => `MeshTimeout "${name}" in mesh "default" ${outcome}\n`

test('an apply that is under way is waited for: what the last line says was done', async () => {
  const ran = await run(['apply', '-f', '-'], {
    stdin: timeout('a'),
    answers: {
      'GET /_holdfast/status': { mode: 'global' },
      'POST /_apply': (interrupt: () => void) => {
        interrupt()
        return { results: [{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'created' }] }
      },
    },
  })
  expect([ran.status, ran.out, ran.err]).toEqual([0, line('a', 'created'), ''])
})

test('nothing is pruned after an interruption', async () => {
  const old = { type: 'MeshTimeout', mesh: 'default', name: 'old', labels: { team: 'x' } }
  const ran = await run(['apply', '-f', '-', '--prune', '-l', 'team=x', '--prune-type', 'meshtimeout'], {
    stdin: timeout('a'),
    answers: {
      'GET /_holdfast/status': { mode: 'global' },
      'GET /meshtimeouts?filter%5Blabels.team%5D=x&size=1000': { items: [old] },
      'POST /_apply': (interrupt: () => void) => {
        interrupt()
        return { results: [{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'created' }] }
      },
    },
  })
  expect([ran.status, ran.out, ran.err]).toEqual([1, line('a', 'created'), 'Error: interrupted\n'])
  expect(ran.asked.some(([request]) => request.startsWith('DELETE'))).toBe(false)
})

test('one by one, it ends behind the one that was under way', async () => {
  const ran = await run(['apply', '-f', '-'], {
    stdin: ['a', 'b', 'c'].map(timeout).join('---\n'),
    answers: {
      'GET /': { product: 'Kuma', version: '2.14.3' },
      'GET /config': { mode: 'global' },
      'PUT /meshes/default/meshtimeouts/a': {},
      'PUT /meshes/default/meshtimeouts/b': (interrupt: () => void) => {
        interrupt()
        return {}
      },
    },
  })
  expect([ran.status, ran.out, ran.err]).toEqual([
    1,
    line('a', 'updated') + line('b', 'updated'),
    'Error: interrupted\n',
  ])
})
