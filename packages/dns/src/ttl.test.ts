import { quarantineMs } from '@holdfast/vip'
import { expect, test } from 'vitest'
import { answerTtlSeconds, negativeTtlSeconds } from './answer.js'

test('VIP-3: no cache keeps an answer for as long as an address rests before it may be somebody else’s', () => {
  expect(answerTtlSeconds * 1_000).toBeLessThan(quarantineMs)
  expect(negativeTtlSeconds).toBeLessThan(answerTtlSeconds)
})
