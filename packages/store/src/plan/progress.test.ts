import { type Batch, comparePositions, endOf } from '@holdfast/kds'
import { emptyDigest } from '@holdfast/model'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { afterMark, afterProgress } from './progress.js'
import type { CursorRow } from './types.js'

type At = Pick<CursorRow, 'cursor' | 'partial'>
type Progress = NonNullable<Batch['progress']>

const epoch = fc.constantFrom('a'.repeat(32), 'b'.repeat(32))
const step = fc.record({
  epoch,
  revision: fc.integer({ min: 1, max: 9 }),
  lastOfPage: fc.boolean(),
  mark: fc.constantFrom('none', 'agrees', 'differs'),
})

function mono(after: typeof afterProgress): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      let at: At = {}
      for (const { epoch, revision, lastOfPage, mark } of steps) {
        const cursor = { epoch, revision, tag: `tag ${revision}` }
        const progress: Progress = {
          cursorEpoch: epoch,
          through: endOf(revision),
          lastOfPage,
          ...(mark === 'none' ? {} : { mark: { cursor, digest: emptyDigest } }),
        }
        const next = after(at, progress, mark === 'none' ? undefined : mark === 'agrees')
        if (at.cursor !== undefined && next.cursor?.epoch === at.cursor.epoch) {
          expect(next.cursor.revision).toBeGreaterThanOrEqual(at.cursor.revision)
          const reached = (here: At) => here.partial ?? endOf(here.cursor?.revision ?? 0)
          if (mark !== 'agrees') expect(comparePositions(reached(next), reached(at))).toBeGreaterThanOrEqual(0)
        }
        at = next
      }
    }),
    { seed: 20_261_121 },
  )
}

test('MONO: within an epoch neither cursor nor range goes back, whatever arrives', () => mono(afterProgress))

test('MONO notices a receiver that believes any mark', () => {
  const believing: typeof afterProgress = (at, progress, verified) =>
    progress?.mark !== undefined && verified === true
      ? { cursor: progress.mark.cursor, partial: undefined }
      : afterProgress(at, progress, verified)
  expect(() => mono(believing)).toThrow(/Property failed/)
})

test('a mark that agrees ends the range; one below the cursor in the same log does not move it', () => {
  const cursor = { epoch: 'a'.repeat(32), revision: 7, tag: 'x' }
  const at = { cursor, partial: endOf(8) }
  const newer = { ...cursor, revision: 9 }
  expect(afterMark(at, { cursor: newer, digest: emptyDigest })).toEqual({ cursor: newer, partial: undefined })
  expect(afterMark(at, { cursor: { ...cursor, revision: 6 }, digest: emptyDigest })).toEqual(at)
  const foreign = { epoch: 'b'.repeat(32), revision: 1, tag: 'y' }
  expect(afterMark(at, { cursor: foreign, digest: emptyDigest })).toEqual({ cursor: foreign, partial: undefined })
})
