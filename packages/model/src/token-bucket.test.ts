import { expect, test } from 'vitest'
import { TokenBucket } from './token-bucket.js'

const takeAll = (bucket: TokenBucket, nowMs: number): number => {
  let taken = 0
  while (bucket.take(nowMs)) taken += 1
  return taken
}

test('a burst at once, then so many a second, and never more than the burst again', () => {
  const bucket = new TokenBucket(10, 4, 1_000)
  expect([takeAll(bucket, 1_000), bucket.waitMs()]).toEqual([10, 250])
  expect([takeAll(bucket, 1_249), takeAll(bucket, 1_250), takeAll(bucket, 2_250)]).toEqual([0, 1, 4])
  expect(takeAll(bucket, 1_000_000)).toBe(10)
})

test('a clock that goes back gives nothing and takes nothing', () => {
  const bucket = new TokenBucket(2, 1, 1_000)
  expect([takeAll(bucket, 1_000), takeAll(bucket, 0), takeAll(bucket, 1_000)]).toEqual([2, 0, 1])
})
