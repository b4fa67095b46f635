import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runToEnd } from './run-to-end.js'

function script(text: string): { readonly args: readonly string[]; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-run-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'said')
  writeFileSync(file, '')
  return { args: ['-e', text, file], file }
}
const said = (file: string): string => readFileSync(file, 'utf8')

test('one that is told to stop has stopped when its caller goes on, however long it takes for that', async () => {
  const { args, file } = script(
    `const { appendFileSync } = require('node:fs')
     const say = (text) => appendFileSync(process.argv[1], text)
     process.on('SIGTERM', () => setTimeout(() => { say(' ended'); process.exit(1) }, 300))
     setInterval(() => {}, 1000)
     say('begun')`,
  )
  const stop = new AbortController()
  const running = runToEnd(process.execPath, args, { signal: stop.signal })
  await expect.poll(() => said(file), { timeout: 30_000, interval: 10 }).toBe('begun')
  stop.abort()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  expect(said(file)).toBe('begun ended')
})

test('what it says of its failure is told, and one that cannot be started is an error as well', async () => {
  const { args } = script(`process.stderr.write('no room'); process.exit(3)`)
  await expect(runToEnd(process.execPath, args, {})).rejects.toMatchObject({ code: 3, stderr: 'no room' })
  await expect(runToEnd('/nowhere/initdb', [], {})).rejects.toMatchObject({ code: 'ENOENT' })
  await runToEnd(process.execPath, script('').args, {})
})
