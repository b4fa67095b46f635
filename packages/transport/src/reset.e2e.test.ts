import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../dist/testing/reset-while-writing.js', import.meta.url))

test('a global that resets a stream on which something waits to be sent ends the link, not the process', async () => {
  // Failing is a loop within Node that only a signal ends; it takes a gigabyte in some seconds.
  const ended = promisify(execFile)(process.execPath, [program], { timeout: 20_000, killSignal: 'SIGKILL' })
  expect(await ended).toEqual({ stdout: 'globalToZone ended with CANCELLED\n', stderr: '' })
})
