import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, inStep, Processes, type Running, service, until } from './testing/process.js'

// The hook and the settings of docs/policy-hooks.md, as they stand there; only the port is the reader's own.
vi.setConfig({ testTimeout: 90_000 })
const page = readFileSync(fileURLToPath(new URL('../../../docs/policy-hooks.md', import.meta.url)), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ''
const processes = new Processes()
const databases: TestDatabase[] = []
let hook: ReturnType<typeof spawn>
let global: Running
let east: Running
let west: Running

async function database(): Promise<string> {
  const made = await freshDatabase()
  databases.push(made)
  return made.url
}

beforeAll(async () => {
  const port = String(freePort())
  const mine = (text: string): string => text.replaceAll('9000', port)
  const script = join(processes.folder, 'hook.mjs')
  const config = join(processes.folder, 'global.yaml')
  writeFileSync(script, mine(block('js')))
  writeFileSync(config, mine(block('yaml')))
  hook = spawn(process.execPath, [script], { stdio: 'inherit' })
  global = await processes.start('global', ['--config', config, '--database-url', await database(), '--init'])
  const zone = async (name: string): Promise<Running> =>
    processes.start('zone', [
      ...['--zone', name, '--database-url', await database()],
      ...['--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
    ])
  east = await zone('east')
  west = await zone('west')
  await until('both zones to be in step', async () => (await inStep(east)) && inStep(west))
})

afterAll(async () => {
  hook?.kill('SIGKILL')
  await processes.close()
  for (const made of databases) await made.drop()
})

const labelsInWest = async (): Promise<readonly Readonly<Record<string, string>>[]> => {
  const { body } = await ask('GET', `${west.apiUrl}/meshservices`)
  return (body as { items: readonly { labels: Readonly<Record<string, string>> }[] }).items.map(({ labels }) => labels)
}

test('the page: what lacks an owner is held back with the reason, and goes to the zones when it has one', async () => {
  const url = `${east.apiUrl}/meshes/default/meshservices/web`
  await ask('PUT', url, service('web'))
  const refusedAtGlobal = async () => (await processes.holdfastctl(['--url', global.apiUrl, 'inspect', 'hooks'])).out
  await until('it to be refused', async () =>
    /web +east +refused .*hook "owners": label example\.com\/owner is missing/.test(await refusedAtGlobal()),
  )
  expect(await labelsInWest()).toEqual([])
  const owned = { 'kuma.io/origin': 'zone', 'example.com/owner': 'team-web' }
  await ask('PUT', url, service('web', { labels: owned }))
  await until('it to arrive', async () => (await labelsInWest()).length === 1)
  expect(await labelsInWest()).toMatchObject([{ 'example.com/owner': 'team-web', 'example.com/reviewed': 'yes' }])
})

test('the page: the JSON of the protocol is JSON, and every setting of the table is one', () => {
  const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? '') as object)
  expect(blocks.map((one) => Object.keys(one))).toEqual([['hook', 'items'], ['results']])
  const keys = [...page.matchAll(/^\| `(\w+)` +\| /gm)].map(([, key]) => key)
  expect(keys.slice(0, 9)).toEqual([
    ...['name', 'url', 'types', 'meshes', 'timeoutMs', 'failurePolicy', 'maxBodyBytes', 'caFile', 'serverName'],
  ])
})
