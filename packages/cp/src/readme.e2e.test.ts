import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { settingSpecs } from './config/settings.js'
import { inStep, Processes, programs, type Running, until, vipsOf } from './testing/process.js'

// Every command of the README, run as it stands there by a shell. Only what belongs to the reader's machine is put in:
// ports, the address of a database, a folder.
vi.setConfig({ testTimeout: 90_000 })
const root = fileURLToPath(new URL('../../../', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const processes = new Processes()
const databases: TestDatabase[] = []

const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
/** Comments and line ends of a shell are no part of what is run. */
const commands = blocks.flatMap((block) =>
  block
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== ''),
)
const scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts

const own = new Map<string, string>()
/** The reader's own values in place of those of the README. */
const mine = (command: string): string => [...own].reduce((text, [said, here]) => text.replaceAll(said, here), command)
const apiUrl = (port: string): string => `http://127.0.0.1:${own.get(port)}`
const ofZone = (): Pick<Running, 'apiUrl'> => ({ apiUrl: apiUrl('5781') })
const ofGlobal = (): Pick<Running, 'apiUrl'> => ({ apiUrl: apiUrl('5681') })

beforeAll(async () => {
  for (const port of ['5681', '5685', '5680', '5781', '5780', '5653']) own.set(port, String(freePort()))
  const made = await freshDatabase()
  databases.push(made)
  own.set('postgres://holdfast@db/holdfast', made.url).set('/var/lib/holdfast', join(processes.folder, 'var'))
  symlinkSync(join(root, 'examples'), join(processes.folder, 'examples'))
  // `pnpm holdfast` is a script of package.json; here it must not build, for other tests run from the same build.
  const bin = join(processes.folder, 'bin')
  mkdirSync(bin)
  const script = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  for (const [name, program] of Object.entries(programs)) script(name, `exec "${process.execPath}" "${program}" "$@"`)
  script('pnpm', 'name=$1; shift; exec "$(dirname "$0")/$name" "$@"')
})

afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

/** What is set in the reader's shell: the ports that a command does not name. */
const shellOf = (command: string): Readonly<Record<string, string>> => {
  const given = Object.fromEntries(
    [
      ['--api-port', 'HOLDFAST_API_PORT', '5681'],
      ['--kds-port', 'HOLDFAST_KDS_PORT', '5685'],
      ['--diagnostics-port', 'HOLDFAST_DIAGNOSTICS_PORT', '5680'],
      ['--dns-port', 'HOLDFAST_DNS_PORT', '5653'],
    ].flatMap(([flag = '', name = '', port = '']) => (command.includes(flag) ? [] : [[name, own.get(port) ?? '']])),
  )
  return { ...given, PATH: `${join(processes.folder, 'bin')}:${process.env.PATH ?? ''}` }
}

const shell = (command: string, exported: Readonly<Record<string, string>> = {}) =>
  processes.shell(mine(command), { ...shellOf(command), ...exported })

/** What each command of the README must do. One that is not here has no proof that it works. */
const handlers: readonly (readonly [RegExp, (command: string) => Promise<void>])[] = [
  [/^npx --yes pnpm@\S+ (\w+)$/, async (command) => expect(scripts[command.split(' ').at(-1) ?? '']).toBeDefined()],
  [
    /^pnpm holdfast global --init$/,
    async (command) => {
      const global = shell(command)
      await until('global to be ready', () => global.logged('ready'), { otherwise: () => global.out + global.err })
    },
  ],
  [
    /^pnpm holdfast zone /,
    async (command) => {
      const zone = shell(command)
      await until('the zone to be ready', () => zone.logged('ready'), { otherwise: () => zone.out + zone.err })
      await until('the zone to be in step', () => inStep(ofZone()), { otherwise: () => zone.out })
    },
  ],
  [
    /^export (\w+)=(\S+)$/,
    async (command) => {
      const [, name = '', value = ''] = /^export (\w+)=(\S+)$/.exec(mine(command)) ?? []
      exported[name] = value
    },
  ],
  [
    // There is none in a mesh where nothing has vanished, and who asks for one is told so.
    /^pnpm holdfastctl hold (show|approve|reject) ID$/,
    async (command) => {
      const { status, err } = await shell(command, exported).ended
      expect([status, err]).toEqual([1, expect.stringMatching(/^Error: .*hold/)])
    },
  ],
  [
    /^pnpm holdfastctl .*zone add /,
    async (command) => expect(await shell(command).ended).toMatchObject({ status: 0, err: '' }),
  ],
  [
    /^pnpm holdfastctl /,
    async (command) => {
      expect(await shell(command, exported).ended).toMatchObject({
        status: 0,
        err: expect.not.stringContaining('Error'),
      })
      await until('global and the zone to agree', async () => {
        const [there, here] = await Promise.all([vipsOf(ofGlobal()), vipsOf(ofZone())])
        const isServed = Object.values(here).every((vips) => vips.length > 0)
        return isServed && JSON.stringify(there) === JSON.stringify(here) && (await inStep(ofGlobal()))
      })
    },
  ],
  [/^holdfast migrate /, async (command) => expect(await shell(command).ended).toMatchObject({ status: 0, err: '' })],
  [
    /^holdfast global /,
    async (command) => {
      // The one of before has the ports; a reader has another machine, or has stopped it.
      const free = { HOLDFAST_API_PORT: '0', HOLDFAST_KDS_PORT: '0', HOLDFAST_DIAGNOSTICS_PORT: '0' }
      const global = shell(command, free)
      await until('it to run', () => global.logged('running, but not ready'), {
        otherwise: () => global.out + global.err,
      })
    },
  ],
]
const exported: Record<string, string> = {}

test('the commands of the README do what they are there for, one after the other', async () => {
  expect(commands.length).toBeGreaterThan(10)
  for (const command of commands) {
    const handler = handlers.find(([pattern]) => pattern.test(command))
    expect(handler, `README.md: nothing proves that this works: ${command}`).toBeDefined()
    await handler?.[1](command)
  }
  const { 'east/ratings': ratings, 'east/reviews': reviews } = await vipsOf(ofGlobal())
  expect([ratings, reviews?.length]).toEqual([undefined, 2])
})

test('the ports and folders that the README names are the defaults', () => {
  const fallback = (flag: string): unknown => settingSpecs.find((spec) => spec.flag === flag)?.fallback
  const rows = [...readme.matchAll(/^\| (\d+) \| .*\(`(--[a-z-]+)`(?:\)|, on loopback).*\|$/gm)].map(
    ([, port, flag]) => [flag, Number(port)],
  )
  expect(rows).toEqual([
    ['--api-port', fallback('--api-port')],
    ['--kds-port', fallback('--kds-port')],
    ['--diagnostics-port', fallback('--diagnostics-port')],
    ['--dns-port', fallback('--dns-port')],
  ])
  expect(readme).toContain(`under \`--data-dir\` (\`${fallback('--data-dir')}\`)`)
})
