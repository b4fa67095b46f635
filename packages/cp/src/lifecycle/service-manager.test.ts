import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServiceManager } from './service-manager.js'

const log = pino({ level: 'silent' })
const folder = mkdtempSync(join(tmpdir(), 'holdfast-notify-'))
const path = process.env.PATH ?? ''
const said = (): readonly string[] => readFileSync(join(folder, 'said'), 'utf8').split('\n').filter(Boolean)

beforeAll(() => {
  // In the place of systemd's program.
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> "${join(folder, 'said')}"\n`)
  chmodSync(join(folder, 'systemd-notify'), 0o755)
  process.env.PATH = `${folder}${delimiter}${path}`
})
afterAll(() => {
  process.env.PATH = path
  rmSync(folder, { recursive: true })
})

test('systemd is told that the unit is ready, and that it stops; nobody is told where there is no systemd', async () => {
  const manager = new ServiceManager('/run/systemd/notify', log)
  await manager.ready()
  await manager.stopping()
  await new ServiceManager(undefined, log).ready()
  await new ServiceManager('', log).stopping()
  const pid = `--pid=${process.pid}`
  expect(said()).toEqual([
    `${pid} --ready --status=serving`,
    `${pid} STOPPING=1 --status=sending zones to the other replicas`,
  ])
})

test('a service manager that cannot be told keeps nobody from serving', async () => {
  process.env.PATH = '/nowhere'
  await new ServiceManager('/run/systemd/notify', log).ready()
})
