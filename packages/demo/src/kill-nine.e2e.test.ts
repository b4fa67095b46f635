import { afterAll, expect, test } from 'vitest'
import { cleanUp, start } from './testing/demo-process.js'
import { stillRunning } from './testing/descendants.js'

// `pnpm kill-nine` in short.
afterAll(cleanUp)

test('DUR, VIP-2: each control plane killed three times under writes: nothing acknowledged is lost, no VIP moves', async () => {
  const run = start('kill-nine.js', ['--times', '3', '--writes', '12'])
  const { status, out, err } = await run.ended
  const report: unknown = out.startsWith('{') ? JSON.parse(out) : err
  expect({ status, report }).toEqual({
    status: 0,
    report: {
      kills: { global: 3, east: 3, west: 3 },
      writesAcknowledged: 3 * 12 * 9,
      writesUnanswered: expect.any(Number),
      lost: 0,
      vipsMoved: 0,
      vipsDiffering: 0,
      ok: true,
    },
  })
  expect((report as { readonly writesUnanswered: number }).writesUnanswered).toBeGreaterThan(0)
  expect(stillRunning([], run.folder)).toEqual([])
}, 180_000)
