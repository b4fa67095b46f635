import { expect, test } from 'vitest'
import { ago, run } from '../testing/run.js'

const line = {
  id: 7,
  at: ago(90),
  actor: 'ann',
  action: 'updated',
  subject: 'Mesh default',
  detail: { from: '192.0.2.7' },
}

test('audit list says who did what, from where', async () => {
  const { status, out } = await run(['audit', 'list'], {
    answers: { 'GET /_holdfast/audit?size=50': { items: [line] } },
  })
  expect(status).toBe(0)
  expect(out).toBeGolden('audit-list.txt')
})

test('audit verify: 0 with the head to keep, 3 with what is wrong', async () => {
  const fine = { ok: true, proven: 12, unproven: 2, lastLine: 14, head: 'ab12' }
  const get = 'GET /_holdfast/audit/verify'
  expect(await run(['audit', 'verify'], { answers: { [get]: fine } })).toMatchObject({
    status: 0,
    out: expect.stringMatching(/12 lines are what was written, 2 are of before there were hashes.*\n.*ab12\n/),
  })
  const broken = { ok: false, problem: 'the lines up to number 9 are not those that were written', line: 9, proven: 3 }
  expect(await run(['audit', 'verify'], { answers: { [get]: broken } })).toMatchObject({
    status: 3,
    out: expect.stringContaining('number 9'),
  })
})

test('audit export: every page, a line each', async () => {
  const answers = {
    'GET /_holdfast/audit?after=0&size=1000': { items: [line], next: 7 },
    'GET /_holdfast/audit?after=7&size=1000': { items: [{ ...line, id: 8 }], next: null },
  }
  const { status, out } = await run(['audit', 'export'], { answers })
  expect([
    status,
    out
      .trim()
      .split('\n')
      .map((each) => JSON.parse(each).id),
  ]).toEqual([0, [7, 8]])
})
