import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { restore } from '../commands/backup.js'
import { labelFile, readLabel } from './label.js'
import { contentsWithoutSchema, findTool } from './tools.js'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-backup-'))
afterAll(() => rmSync(folder, { recursive: true }))

function program(name: string, says: string): void {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${says}\nEND\n`)
  chmodSync(path, 0o755)
}

test('a tool that is missing, older than the server, or somebody else’s: what to do', async () => {
  await expect(findTool('pg_dump', join(folder, 'nowhere'), 170_002)).rejects.toMatchObject({
    kind: 'missing',
    message: expect.stringMatching(/client programs of PostgreSQL 17 or later.*--pg-bin/),
  })
  program('pg_dump', 'pg_dump (PostgreSQL) 15.6 (Debian 15.6-0+deb12u1)')
  await expect(findTool('pg_dump', folder, 170_002)).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringMatching(/is of PostgreSQL 15, and the server is 17: it must not be older/),
  })
  expect(await findTool('pg_dump', folder, 140_011)).toEqual({ path: join(folder, 'pg_dump'), major: 15 })
  program('pg_restore', 'hello')
  await expect(findTool('pg_restore', folder, 140_011)).rejects.toMatchObject({ kind: 'conflict' })
})

test('the schema itself is not put back, all that is in it is', async () => {
  const kept = '215; 1259 16390 TABLE public store_head holdfast'
  program(
    'pg_restore',
    ['; Archive', '5; 2615 2200 SCHEMA - public pg_database_owner', '4000; 0 0 COMMENT - SCHEMA public x', kept].join(
      '\n',
    ),
  )
  const list = await contentsWithoutSchema({ path: join(folder, 'pg_restore'), major: 15 }, 'any')
  expect(list.trim().split('\n')).toEqual(['; Archive', kept])
})

test('a backup without its label, or that is not what the label says, is not put back', async () => {
  const file = join(folder, 'global.dump')
  writeFileSync(file, 'half of it')
  await expect(readLabel(file)).rejects.toThrow(/does not tell what .* is.*belong together/)
  const label = {
    format: 'holdfast-backup/1',
    role: 'global',
    name: '',
    storeId: 's',
    epoch: 'e',
    revision: 7,
    schema: 'public',
    serverVersion: 170_002,
    programVersion: '0.1.0',
    at: '2026-01-02T03:04:05.000Z',
    bytes: 20,
    sha256: '0'.repeat(64),
  }
  writeFileSync(labelFile(file), JSON.stringify(label))
  expect(await readLabel(file)).toEqual(label)
  const asked = { databaseUrl: 'postgres://nobody@127.0.0.1:1/x', file, signal: new AbortController().signal }
  await expect(restore({ ...asked, write: () => {} })).rejects.toThrow(
    /not the file that .* speaks of, or not all of it/,
  )
  writeFileSync(labelFile(file), JSON.stringify({ ...label, role: 'planet' }))
  await expect(readLabel(file)).rejects.toMatchObject({ kind: 'invalid' })
})
