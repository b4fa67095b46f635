import { readdirSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { cleanUp, start } from './testing/demo-process.js'
import { descendantsOf, type Seen, stillRunning } from './testing/descendants.js'

// The demo as a person runs it, and as a person stops it.
afterAll(cleanUp)

test('it runs through, every number measured; --keep leaves the mesh up and says how to talk to it; the JSON is its last line', async () => {
  const demo = start('main.js', ['--json', '--keep'])
  await demo.printed('log of west')
  const [, url = ''] = /pnpm holdfastctl --url (\S+) inspect zones/.exec(demo.out()) ?? []
  const overview = (await (await fetch(`${url}/zones/_overview`)).json()) as { readonly total: number }
  expect(overview.total).toBe(2)
  const seen = descendantsOf(demo.child.pid ?? 0)
  expect(seen.length).toBeGreaterThan(4)
  demo.child.kill('SIGTERM')
  const { status, out, err } = await demo.ended
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  const report: unknown = last.startsWith('{') ? JSON.parse(last) : err
  expect({ status, report }).toEqual({
    status: 0,
    report: {
      services: 16,
      zones: 2,
      vipsChanged: 0,
      vipsDiffering: 0,
      idleReconnect: { rowsWritten: 0, kdsBytes: expect.any(Number) },
      faultReconnect: { vipsChanged: 0, resourcesSent: expect.any(Number), rowsWritten: expect.any(Number) },
      ok: true,
    },
  })
  expect(Object.keys(report as object)).toEqual([
    ...['services', 'zones', 'vipsChanged', 'vipsDiffering', 'idleReconnect', 'faultReconnect', 'ok'],
  ])
  const { kdsBytes } = (report as { readonly idleReconnect: { readonly kdsBytes: number } }).idleReconnect
  expect(kdsBytes).toBeGreaterThan(0)
  expect(kdsBytes).toBeLessThanOrEqual(2_048)
  expect([stillRunning(seen, demo.folder), readdirSync(demo.folder)]).toEqual([[], []])
}, 180_000)

test.each<[string, NodeJS.Signals, 'group' | 'process']>([
  ['starting PostgreSQL', 'SIGINT', 'group'],
  ['starting global', 'SIGTERM', 'process'],
  ['applying', 'SIGINT', 'process'],
  ['killing global', 'SIGINT', 'group'],
])(
  'stopped when it says "%s" by %s to the %s: nothing stays behind',
  async (words, name, whom) => {
    const demo = start('main.js', [])
    await demo.said(words)
    const { pid = 0 } = demo.child
    const seen: readonly Seen[] = descendantsOf(pid)
    process.kill(whom === 'group' ? -pid : pid, name)
    const { status, err } = await demo.ended
    expect([status, err.trimEnd().split('\n').at(-1)]).toEqual([
      1,
      expect.stringContaining('the demo did not get to its end'),
    ])
    expect([stillRunning(seen, demo.folder), readdirSync(demo.folder)]).toEqual([[], []])
  },
  120_000,
)
