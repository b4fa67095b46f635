import { expect, test, vi } from 'vitest'
import { acceptance } from './testing/acceptance-run.js'
import { Processes } from './testing/process.js'

vi.setConfig({ testTimeout: 300_000 })
const processes = new Processes()

test('what a multi-zone operator does, with holdfastctl', async () => {
  const problems = await acceptance(processes, 'holdfastctl', (args, input) => processes.holdfastctl(args, input))
  expect(problems.join('\n')).toBe('')
})
