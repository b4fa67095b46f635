import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '@holdfast/store'
import { countWrites, freshDatabase, rowsWritten, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Ended, Processes } from './testing/process.js'

// A start that cannot succeed: status 1, the thing and the next act in words, nothing changed.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
const databases: TestDatabase[] = []

async function database(options: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const made = await freshDatabase(options)
  databases.push(made)
  return made
}

/** A database of global that is in use by nobody just now, with every write in it counted. */
async function ofGlobal(): Promise<TestDatabase> {
  const made = await database()
  const init = await processes.holdfast(['init', '--database-url', made.url]).ended
  expect(init).toMatchObject({ status: 0, err: '' })
  await countWrites(made.url)
  return made
}

const writes = (url: string) => rowsWritten(url, { including: 'all' })
const begun = (role: 'global' | 'zone', flags: readonly string[]): Promise<Ended> =>
  processes.begin(role, flags).process.ended

let idle: TestDatabase

beforeAll(async () => {
  idle = await ofGlobal()
})

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

/** Somebody else's port. */
async function occupied(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    release: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

test('every problem of a configuration at once, with its key and where it came from', async () => {
  const file = join(processes.folder, 'bad.yaml')
  writeFileSync(file, 'shutdownTimeoutMs: soon\nkdsProt: 1\napiAddress: 0.0.0.0\n')
  const ended = await processes.holdfast(
    [
      'zone',
      '--config',
      file,
      '--global-address',
      'http://global',
      '--api-port',
      '70000',
      '--database-url',
      'mysql://u:secret@db/x',
    ],
    { HOLDFAST_DIAGNOSTICS_PORT: 'many', HOLDFAST_ZONE: 'East_1' },
  ).ended
  expect(ended).toMatchObject({ status: 1, out: '' })
  expect(ended.err.split('\n')).toEqual([
    'holdfast zone: 8 problems with the configuration, nothing was started:',
    '  HOLDFAST_ZONE (environment): must be a DNS-1035 label: lower case letters, digits and "-", starting with a letter, at most 63 characters, got "East_1"',
    '  --global-address (flag): must be grpc://HOST:PORT or grpcs://HOST:PORT, got "http://global"',
    '  --database-url (flag): must be a PostgreSQL URL such as postgres://user:password@host:5432/holdfast',
    '  --api-port (flag): must be between 0 and 65535, got "70000"',
    expect.stringMatching(/^ {2}HOLDFAST_DIAGNOSTICS_PORT \(environment\): .*got "many"$/),
    expect.stringMatching(new RegExp(`^ {2}shutdownTimeoutMs \\(file ${file}\\): .*got "soon"$`)),
    `  kdsProt (file ${file}): is not a setting of holdfast; see --help for the names`,
    expect.stringMatching(new RegExp(`^ {2}--api-address \\(file ${file}\\): 0.0.0.0 is not a loopback address`)),
    '',
  ])
})

test.each([
  [['--api-address', '0.0.0.0'], '--api-address (flag): 0.0.0.0 is not a loopback address, and this port has no TLS'],
  [
    ['--kds-address', '0.0.0.0'],
    '--kds-address (flag): 0.0.0.0 is not a loopback address: without TLS (--kds-tls off)',
  ],
  [
    ['--kds-address', '0.0.0.0', '--kds-tls', 'on', '--allow-unauthenticated-zone', '*'],
    '--allow-unauthenticated-zone (flag): * lets everybody be any zone',
  ],
  [
    ['--kds-tls-cert-file', 'cert.pem'],
    '--kds-tls-cert-file (flag): a certificate and its private key are given together',
  ],
])('what strangers could reach without TLS or proof is refused, and what to do is said: %j', async (flags, told) => {
  const ended = await begun('global', ['--database-url', idle.url, ...flags])
  expect(ended).toMatchObject({ status: 1, out: '' })
  expect(ended.err).toContain(`  ${told}`)
  expect(await writes(idle.url)).toEqual({})
})

test('flags and commands that do not exist', async () => {
  const [flag, command, file] = await Promise.all([
    processes.holdfast(['global', '--databse-url', 'postgres://x/y']).ended,
    processes.holdfast(['globl']).ended,
    processes.holdfast(['global', '--config', '/nonexistent/holdfast.yaml']).ended,
  ])
  expect(flag).toMatchObject({ status: 1, out: '' })
  expect(flag.err).toContain("error: unknown option '--databse-url'\n(Did you mean --database-url?)")
  expect(command).toMatchObject({ status: 1, out: '' })
  expect(command.err).toContain("error: unknown command 'globl'\n(Did you mean global?)")
  expect(file).toMatchObject({ status: 1, out: '' })
  expect(file.err).toContain('the configuration file cannot be read: ENOENT')
})

test('a database that does not answer, one that does not let us in, and none of that name', async () => {
  const nobody = await occupied()
  await nobody.release()
  const wrong = new URL(idle.url)
  wrong.password = 'guessed'
  const absent = new URL(idle.url)
  absent.pathname = '/no_such_database'
  const [silent, refused, missing] = await Promise.all([
    begun('global', ['--init', '--database-url', `postgres://holdfast:topsecret@127.0.0.1:${nobody.port}/holdfast`]),
    begun('global', ['--init', '--database-url', wrong.href]),
    processes.holdfast(['migrate', '--database-url', absent.href]).ended,
  ])
  for (const ended of [silent, refused, missing]) expect(ended).toMatchObject({ status: 1, signal: undefined })
  expect(silent.err).toBe(
    `holdfast global: the database at postgres://holdfast@127.0.0.1:${nobody.port}/holdfast does not answer: connect ECONNREFUSED 127.0.0.1:${nobody.port}. Check --database-url.\n`,
  )
  expect(refused.err).toMatch(
    /^holdfast global: the database at .* password authentication failed .* Check --database-url\.\n$/,
  )
  expect(missing.err).toMatch(/^holdfast migrate: the database at .* database "no_such_database" does not exist.*\n$/)
  const everything = [silent, refused].map(({ out, err }) => out + err).join('')
  expect(everything).not.toContain('topsecret')
  expect(everything).not.toContain('guessed')
})

test.each(['--api-port', '--kds-port', '--diagnostics-port'])('a port in use: %s', async (flag) => {
  const other = await occupied()
  const ended = await begun('global', ['--database-url', idle.url, flag, String(other.port)])
  await other.release()
  expect(ended.status).toBe(1)
  expect(ended.err).toMatch(
    new RegExp(
      `^holdfast global: port ${other.port} on 127.0.0.1 for the .* is in use: stop what listens there, or choose another one with ${flag}\n$`,
    ),
  )
  expect(await writes(idle.url)).toEqual({})
})

test('all ports in use are told at once, before the database is touched', async () => {
  const other = await occupied()
  const fresh = await database({ empty: true })
  const port = String(other.port)
  const flags = [
    '--init',
    '--database-url',
    fresh.url,
    '--api-port',
    port,
    '--kds-port',
    port,
    '--diagnostics-port',
    port,
  ]
  const ended = await begun('global', flags)
  await other.release()
  expect(ended.status).toBe(1)
  expect([...ended.err.matchAll(/choose another one with (\S+)/g)].map(([, flag]) => flag)).toEqual([
    '--api-port',
    '--kds-port',
    '--diagnostics-port',
  ])
  await expect(rowsWritten(fresh.url)).rejects.toThrow('does not exist')
})

test('a database that needs a newer program is refused with the version it needs, by every command', async () => {
  const newer = await database()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-migrations-'))
  const migrations = fileURLToPath(new URL('../../../migrations', import.meta.url))
  cpSync(migrations, folder, { recursive: true })
  const count = readdirSync(folder).filter((name) => /^\d{4}_/.test(name)).length
  const next = `${String(count + 1).padStart(4, '0')}_from_the_future.sql`
  writeFileSync(join(folder, next), '-- oldest program: 7.2.0\ncreate table from_the_future ();\n')
  await migrate(newer.url, { programVersion: '7.2.0', signal: AbortSignal.timeout(10_000), folder })
  await countWrites(newer.url)
  rmSync(folder, { recursive: true })
  const all = await Promise.all([
    begun('global', ['--init', '--database-url', newer.url]),
    begun('zone', ['--zone', 'east', '--database-url', newer.url]),
    processes.holdfast(['migrate', '--database-url', newer.url]).ended,
    processes.holdfast(['init', '--database-url', newer.url]).ended,
  ])
  const words =
    /^holdfast \w+: the database needs Holdfast 7\.2\.0 or later, this is \d+\.\d+\.\d+\. Start the newer program/
  for (const { status, err } of all) expect([status, words.test(err)]).toEqual([1, true])
  expect(await writes(newer.url)).toEqual({})
})

test("another control plane's database is left alone, and whose it is is said", async () => {
  const east = await database()
  const first = await processes.start('zone', ['--zone', 'east', '--database-url', east.url])
  expect(await first.signal('SIGTERM')).toMatchObject({ status: 0 })
  await countWrites(east.url)
  const [asWest, asGlobal, asZone] = await Promise.all([
    begun('zone', ['--zone', 'west', '--database-url', east.url]),
    begun('global', ['--init', '--database-url', east.url]),
    begun('zone', ['--zone', 'east', '--database-url', idle.url]),
  ])
  const next = 'Give every control plane a database of its own (--database-url or --data-dir).\n'
  expect([asWest.status, asGlobal.status, asZone.status]).toEqual([1, 1, 1])
  const west = `holdfast zone: the database belongs to zone east, this is zone west. ${next.trim()}`
  expect([asWest.err.slice(0, west.length), asWest.err.includes('A zone cannot be renamed')]).toEqual([west, true])
  expect(asGlobal.err).toBe(
    `holdfast global: the database belongs to zone east, this is the global control plane. ${next}`,
  )
  expect(asZone.err).toBe(`holdfast zone: the database belongs to the global control plane, this is zone east. ${next}`)
  expect([await writes(east.url), await writes(idle.url)]).toEqual([{}, {}])
})

test('a block that cannot be one is refused before the zone starts, each with its reason', async () => {
  const flags = ['--zone', 'east', '--database-url', (await database()).url]
  const ended = await begun('zone', [...flags, '--vip-block', '10.0.0.0/20,241.32.0.7/20,241.0.0.0/20'])
  expect(ended.status).toBe(1)
  expect(ended.err).toMatch(
    /^holdfast zone: --vip-block: .*10\.0\.0\.0\/20.*; .*241\.32\.0\.7\/20.*; .*241\.0\.0\.0\/20.*\. Choose others, or leave them to global\n$/,
  )
})
