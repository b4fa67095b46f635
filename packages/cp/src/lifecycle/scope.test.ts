import { expect, test } from 'vitest'
import { Scope } from './scope.js'

test('closes in reverse, once, and every closer runs whatever the others throw', async () => {
  const closed: string[] = []
  const scope = new Scope()
  scope.own('database', () => void closed.push('database'))
  scope.own('streams', () => {
    closed.push('streams')
    throw new Error('a stream was gone')
  })
  scope.own('api', async () => void closed.push('api'))
  await expect(scope.close(1_000)).rejects.toThrow('closing streams failed: a stream was gone')
  await expect(scope.close(1_000)).rejects.toThrow('closing streams failed')
  expect(closed).toEqual(['api', 'streams', 'database'])
})

test('what hangs is named at the bound, and the rest still closes', async () => {
  const closed: string[] = []
  const scope = new Scope()
  scope.own('database', () => void closed.push('database'))
  scope.own('hanging', () => new Promise<void>(() => undefined))
  await expect(scope.close(20)).rejects.toThrow('hanging did not close in time')
  expect(closed).toEqual(['database'])
})

test('nothing may be opened in a scope that closes', async () => {
  const scope = new Scope()
  const closing = scope.close(100)
  expect(() => scope.own('late', () => undefined)).toThrow('late was opened while its scope closes')
  await closing
})
