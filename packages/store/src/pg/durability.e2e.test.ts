import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startOfLog } from '@holdfast/kds'
import { expect, test } from 'vitest'
import { byHand, freshDatabase } from '../testing/index.js'
import { openOn } from './testing.js'

const { signal } = new AbortController()
const dist = (path: string): string => JSON.stringify(fileURLToPath(new URL(`../../dist/${path}`, import.meta.url)))

/** Takes pages of a range from where the store says that it stands, and says each page only when it is stored. */
const receiver = `
  import { openStore } from ${dist('index.js')}
  import { offerOf, service } from ${dist('conformance/fixtures.js')}
  const [, url, dataDir, pages, rowsPerPage] = process.argv
  const log = { info() {}, warn() {}, error() {} }
  const store = await openStore({ databaseUrl: url, role: 'zone', name: 'east', programVersion: '9999.0.0', dataDir, log })
  const down = store.channel({ channel: 'down', peer: '' })
  const signal = new AbortController().signal
  const { partial } = await down.perform({ op: 'standing' }, { signal })
  for (let page = (partial?.revision ?? 0) + 1; page <= Number(pages); page++) {
    const offers = Array.from({ length: Number(rowsPerPage) }, (_, i) =>
      offerOf(service({ name: 'p' + page + '-' + i, zone: 'west' })))
    const progress = {
      cursorEpoch: 'ab'.repeat(16), lastOfPage: true,
      through: { revision: page, typeOrder: 1, mesh: '', name: 'x' },
    }
    await down.perform({ op: 'apply', nowMs: Date.now(), batch: { type: 'MeshService', offers, removals: [], absent: [], progress } }, { signal })
    process.stdout.write('stored ' + page + '\\n')
  }
  await store.close()`

/** Nobody is connected any more: the server ends what a process that was killed has asked of it before it notices that nobody waits. */
async function left(url: string): Promise<void> {
  const others =
    "select from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"
  while ((await byHand(url, others)).length > 0) await new Promise((resolve) => setImmediate(resolve))
}

const pages = 60
const rowsPerPage = 25

test('DUR: data and position are of one commit, wherever the process is killed', async () => {
  await using database = await freshDatabase()
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-durability-'))
  let said = 0
  for (let life = 1; said < pages; life++) {
    const before = said
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', receiver, database.url, dataDir, String(pages), String(rowsPerPage)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let text = ''
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString()
      said = Number(/stored (\d+)\n(?!.*\n)/.exec(text)?.[1] ?? said)
      // In the middle of what comes next, at another point every time.
      if (said >= before + 7 * life) setTimeout(() => child.kill('SIGKILL'), life)
    })
    await new Promise((resolve) => child.once('close', resolve))
    await left(database.url)
    const store = await openOn(database.url, { role: 'zone', dataDir, listen: false })
    const { partial = startOfLog } = await store
      .channel({ channel: 'down', peer: '' })
      .perform({ op: 'standing' }, { signal })
    const { total } = await store.read.list({ type: 'MeshService', offset: 0, limit: 0 })
    const { state } = await store.status()
    await store.close()
    // What was said to be stored is; what is stored is exactly what the position says.
    expect(partial.revision).toBeGreaterThanOrEqual(said)
    expect({ total, state }).toEqual({ total: partial.revision * rowsPerPage, state: 'uninitialised' })
    said = partial.revision
  }
  rmSync(dataDir, { recursive: true })
}, 60_000)
