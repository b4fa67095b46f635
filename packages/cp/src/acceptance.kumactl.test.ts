import { expect, test, vi } from 'vitest'
import { acceptance } from './testing/acceptance-run.js'
import { Processes } from './testing/process.js'

// Some hundred processes, one after the other, of a program that is not small.
vi.setConfig({ testTimeout: 900_000 })
const processes = new Processes()

// A kumactl is not ours to bring: it is built with Go, or downloaded by whoever has one.
const kumactl = process.env.HOLDFAST_KUMACTL
const title = 'what a multi-zone operator does, with the real kumactl'

test.skipIf(!kumactl)(kumactl ? title : `${title}: not run, HOLDFAST_KUMACTL names no binary (2.14.3)`, async () => {
  const problems = await acceptance(processes, 'kumactl', (args, input) => processes.run(kumactl ?? '', args, input))
  expect(problems.join('\n')).toBe('')
})
