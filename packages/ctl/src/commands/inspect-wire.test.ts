import { expect, test } from 'vitest'
import { ago, run } from '../testing/run.js'

const used = {
  address: 'grpc://10.0.0.2:5685',
  source: 'good',
  state: 'in use',
  failures: 0,
  lastError: 'UNAVAILABLE reset',
  lastErrorAt: ago(90),
  lastInStepAt: ago(80),
}
const dead = {
  address: 'grpc://10.0.0.1:5685',
  source: 'configured',
  state: 'failed',
  failures: 3,
  lastError: 'UNAVAILABLE no connection to 10.0.0.1:5685 within 3000 ms',
  lastErrorAt: ago(30),
  lastInStepAt: null,
}

test('inspect endpoints: which one is in use, which failed and why; 3 if none is', async () => {
  const problems = ['the list is not on disk: ENOSPC: no space left on device']
  const answers = {
    'GET /_holdfast/sync': { peers: [], globalEndpoints: [used, dead], globalEndpointProblems: problems },
  }
  const ran = await run(['inspect', 'endpoints'], { answers })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('inspect-endpoints.txt')
  const none = await run(['inspect', 'endpoints'], {
    answers: { 'GET /_holdfast/sync': { peers: [], globalEndpoints: [dead], globalEndpointProblems: [] } },
  })
  expect(none.status).toBe(3)
  const global = await run(['inspect', 'endpoints'], { answers: { 'GET /_holdfast/sync': { peers: [] } } })
  expect([global.status, global.out]).toEqual([3, 'This control plane dials no global.\n'])
})

test('inspect types: what is kept as it comes, and what was not taken', async () => {
  const east = {
    peer: 'east',
    types: [{ name: 'MeshGadget', known: false, resources: 12 }],
    refused: [{ name: 'MeshGizmo', reason: 'it is not what zone west has described: scope "global" against "mesh"' }],
  }
  const ran = await run(['inspect', 'types'], { answers: { 'GET /_holdfast/types': { items: [east] } } })
  expect([ran.status, ran.err]).toEqual([0, ''])
  expect(ran.out).toBeGolden('inspect-types.txt')
  const none = await run(['inspect', 'types'], { answers: { 'GET /_holdfast/types': { items: [] } } })
  expect(none.out).toBe('Every type that a peer has is known here.\n')
})
