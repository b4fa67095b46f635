import { expect, test } from 'vitest'
import { run } from '../testing/run.js'

test('a type, a field, and everything; nobody is asked', async () => {
  const one = await run(['explain', 'meshservice'])
  expect([one.status, one.asked]).toEqual([0, []])
  expect(one.out).toBeGolden('explain.txt')
  expect((await run(['explain', 'msvc.spec.ports'])).out).toBeGolden('explain-field.txt')
  expect((await run(['explain', 'meshservice', '--recursive'])).out).toBeGolden('explain-recursive.txt')
  expect(JSON.parse((await run(['explain', 'meshservice.spec.state', '-o', 'json'])).out)).toMatchObject({
    path: 'MeshService.spec.state',
    choices: ['Available', 'Unavailable'],
  })
})

test.each([
  ['meshservice.ports', 2, 'MeshService has no field "ports"; did you mean MeshService.spec.ports?'],
  ['meshservice.spec.ports.nope', 2, 'MeshService.spec.ports has no field "nope"; there are '],
  ['nope', 2, 'unknown TYPE "nope"; there are '],
  ['traffic-route.conf.nope', 2, 'TrafficRoute.conf has no field "nope"; there are '],
])('%s', async (subject, status, err) => {
  const ran = await run(['explain', subject])
  expect([ran.status, ran.out, ran.err.startsWith(`Error: ${err}`)]).toEqual([status, '', true])
})
