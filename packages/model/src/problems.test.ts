import { expect, test } from 'vitest'
import { invalid, invariant, Problem, problemOf } from './problems.js'

test('foreign errors are internal outside and keep their cause', () => {
  const foreign = new Error('ECONNREFUSED 127.0.0.1')
  const problem = problemOf(foreign)
  expect([problem.kind, problem.message, problem.cause]).toEqual(['internal', 'internal error', foreign])
  const own = new Problem('full', 'no address left')
  expect(problemOf(own)).toBe(own)
})

test('all violations are in the message and beside it', () => {
  const violations = [
    { path: '', message: 'too large' },
    { path: 'spec.ports[0].port', message: 'must be between 1 and 65535' },
  ]
  const problem = invalid('MeshService web', violations)
  expect(problem.message).toBe('MeshService web: too large; spec.ports[0].port: must be between 1 and 65535')
  expect([problem.kind, problem.violations]).toEqual(['invalid', violations])
})

test('an invariant is our mistake, not a Problem', () => {
  expect(() => invariant(true, 'x')).not.toThrow()
  expect(() => invariant(false, 'plan would move web')).toThrow(new Error('invariant broken: plan would move web'))
})
