import { expect, test } from 'vitest'
import { reportText } from './conformance.js'

test('conformance: every rule with what was seen, and what the peer may keep of it', () => {
  const rule = { level: 'must', rule: 'answers a subscription with the whole list' } as const
  const report = {
    peer: 'grpc://10.0.0.1:5685',
    zones: ['conformance-1a2b3c'],
    tookMs: 900,
    findings: [
      { ...rule, id: 'list', outcome: 'kept', evidence: '3 resources of Mesh in 12 ms' },
      { ...rule, id: 'nonce', outcome: 'broken', evidence: 'the answer to nonce 7 had nonce 6' },
      { ...rule, id: 'idle', level: 'should', outcome: 'undecided', evidence: 'nothing was sent within 15 s' },
    ],
  } as const
  expect(reportText({ colour: false }, report)).toBeGolden('conformance.txt')
  expect(reportText({ colour: false }, { ...report, zones: [] })).not.toContain('may keep')
})
