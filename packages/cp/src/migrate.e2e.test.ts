import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { JsonObject } from '@holdfast/model'
import { type RecordedState, recordedStates } from '@holdfast/model/testing'
import { heldOf, recordedConversation, saidBy, startZonePlayer, type ZonePlayer } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { understood } from './config/kuma-environment.js'
import { settingSpecs } from './config/settings.js'
import { ask, inStep, Processes, type Running, syncOf, until, vipsOf } from './testing/process.js'

// docs/migrate-from-kuma.md, run as it stands: Kumas that answer as recorded ones did, and zones that say what those said.
vi.setConfig({ testTimeout: 240_000 })
const doc = readFileSync(new URL('../../../docs/migrate-from-kuma.md', import.meta.url), 'utf8')
const commands = [...doc.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) =>
  (match[1] ?? '').split('\n').filter((line) => line !== ''),
)
const processes = new Processes()
const kumas: Server[] = []
/** What was asked of them. */
const asked = new Set<string>()
const own = new Map<string, string>()
const moment = '4-zone-2-back'
let global: Running
let zone: Running
const players: ZonePlayer[] = []

/** A Kuma's HTTP API that knows one recorded state, in pages of its own size. */
async function serveKuma(recorded: RecordedState, zone: string): Promise<number> {
  const { 'zones+insights': overviews = [], ...lists } = recorded
  const zones = overviews.map(({ name = '' }) => ({ type: 'Zone', name, enabled: true }))
  const state: RecordedState = { ...lists, zones }
  const types = Object.entries(state)
  const answer = (url: URL): unknown => {
    if (url.pathname === '/') return { product: 'Kuma', version: '2.14.3', hostname: 'kuma', instanceId: 'kuma-1' }
    if (url.pathname === '/config')
      return { mode: zone === '' ? 'global' : 'zone', multizone: { zone: { name: zone } } }
    if (url.pathname === '/_resources')
      return { resources: types.map(([path, items]) => ({ name: items[0]?.type ?? 'MeshTrafficPermission', path })) }
    const items = state[url.pathname.slice(1)]
    if (items === undefined) return undefined
    const size = Math.min(Number(url.searchParams.get('size') ?? 100), 3)
    const offset = Number(url.searchParams.get('offset') ?? 0)
    const next =
      offset + size < items.length ? `http://${url.host}${url.pathname}?offset=${offset + size}&size=${size}` : null
    return { total: items.length, items: items.slice(offset, offset + size), next }
  }
  const server = createServer((request, response) => {
    asked.add(`${request.method} ${request.url?.replace(/\?.*/, '')}`)
    const body = answer(new URL(request.url ?? '/', `http://${request.headers.host}`))
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body ?? { title: 'Not found', detail: 'Not found' }))
  })
  kumas.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

beforeAll(async () => {
  const states = recordedStates('2.14.3')[moment] ?? {}
  for (const [name, zone] of [
    ['global', ''],
    ['zone-1', 'zone-1'],
    ['zone-2', 'zone-2'],
  ] as const)
    own.set(`kuma-${name}:5681`, `127.0.0.1:${await serveKuma(states[name] ?? {}, zone)}`)
})

afterAll(async () => {
  for (const player of players) player.stop()
  await processes.close()
  for (const server of kumas) await new Promise((resolve) => server.close(resolve))
})

const recorded = recordedConversation('2.14.3')
/** Services of the others, by the names under which a zone has them. */
const servicesHeld = (held: ReturnType<ZonePlayer['held']>): readonly string[] =>
  [...(held.get('MeshService')?.values() ?? [])]
    .map(({ name, spec }) => `${name} ${Buffer.from(spec).toString()}`)
    .sort()

/** A recorded zone of Kuma is pointed at our global: it is told what it has, and what it had of the others is still there. */
async function moves(zone: 'zone-1' | 'zone-2'): Promise<void> {
  const index = zone === 'zone-1' ? 0 : 1
  const connection = recorded.connections[zone]?.[index]
  if (connection === undefined) throw new Error(`${zone} has no connection ${index}`)
  const player = startZonePlayer({ port: global.ports.kds ?? 0, connection })
  players.push(player)
  const had = servicesHeld(heldOf(saidBy(connection.down, 'global', recorded.atMs[moment])))
  expect(had.length).toBeGreaterThan(1)
  await player.until((held) => held.get('MeshService') !== undefined)
  // From its first list on: a Kuma zone deletes at once what is not in it, and its VIPs with it.
  expect(servicesHeld(player.held())).toEqual(had)
  await player.playUntil(recorded.atMs[moment])
  expect([player.refusals(), player.dropped(), player.ended()]).toEqual([[], [], undefined])
  expect(servicesHeld(player.held())).toEqual(had)
}

interface Line {
  readonly zone: string | null
  readonly name: string
  readonly scope: string
  readonly address: string
}
const ledgerOf = async (plane: Running): Promise<readonly Line[]> =>
  ((await ask('GET', `${plane.apiUrl}/_holdfast/vips?limit=1000`)).body as { readonly items: readonly Line[] }).items
const lines = (items: readonly Line[]): readonly string[] =>
  items.map(({ scope, zone: of, name, address }) => `${scope} ${of}/${name} ${address}`).sort()
const aliases = async (plane = global): Promise<readonly string[]> =>
  lines((await ledgerOf(plane)).filter(({ scope }) => scope !== 'canonical'))
/** What everybody knows of zone-1's. */
const ownOf = async (plane: Running): Promise<readonly string[]> =>
  lines((await ledgerOf(plane)).filter(({ scope, zone: of }) => scope === 'canonical' && of === 'zone-1'))

const ctl = async (command: string) => {
  const [, ...args] = [...own].reduce((text, [said, here]) => text.replaceAll(said, here), command).split(' ')
  return processes.holdfastctl(args, '', { HOLDFAST_URL: global.apiUrl })
}

const isDone = (out: string): boolean => out.includes('nothing to do')

test('the commands of docs/migrate-from-kuma.md move a mesh, and no service loses an address on the way', async () => {
  const ran: string[] = []
  const states = recordedStates('2.14.3')[moment] ?? {}
  for (const command of commands) {
    ran.push(command)
    if (command.startsWith('holdfast global ')) {
      // The recorded zones speak without TLS, as the recorder saw them.
      global = await processes.start('global', [...command.split(' ').slice(2), '--kds-tls', 'off'])
      await until('global to be ready', () => global.logged('ready'), { otherwise: () => global.out + global.err })
    } else if (command.startsWith('holdfast zone ')) {
      // One of the two speaks for it at a time.
      players[0]?.stop()
      const before = await ownOf(global)
      expect(before.length).toBeGreaterThan(3)
      zone = await processes.start('zone', command.split(' ').slice(2))
      own.set('holdfast-zone-1:5681', new URL(zone.apiUrl).host)
      await until('the zone to be in step', () => inStep(zone), { otherwise: () => zone.out + zone.err })
      // Nothing of it had a word to say, and everything is as it was: the addresses come back from global.
      expect([await ownOf(zone), await ownOf(global)]).toEqual([before, before])
    } else if (/^export HOLDFAST_URL=/.test(command)) expect(global).toBeDefined()
    else if (command.startsWith('holdfastctl import kuma')) {
      const { status, out, err } = await ctl(command)
      expect([command, status, err]).toEqual([command, 0, ''])
      if (!command.endsWith('--yes')) {
        expect(out).toContain('nothing was changed')
        expect(await aliases(command.includes('holdfast-zone-1') ? zone : global)).toEqual([])
      } else {
        // Once more: nothing to do.
        const again = await ctl(command)
        expect([again.status, isDone(again.out) ? '' : again.out]).toEqual([0, ''])
      }
    } else if (command === 'holdfastctl inspect zones') {
      const before = await aliases()
      const vips = (zone: string): readonly string[] =>
        ((states[zone]?.meshservices ?? []) as readonly JsonObject[]).flatMap((item) =>
          ((item.status as { readonly vips?: readonly { readonly ip: string }[] }).vips ?? []).map(
            ({ ip }) => `zone:${zone} ${ip}`,
          ),
        )
      // Each zone's own address of every service, its own and the others'.
      for (const zone of ['zone-1', 'zone-2'])
        for (const vip of vips(zone)) expect(before.map((line) => line.replace(/ \S+ /, ' '))).toContain(vip)
      await moves('zone-1')
      await moves('zone-2')
      expect(await aliases()).toEqual(before)
      const { status, out } = await ctl(command)
      expect([status, out]).toEqual([0, expect.stringMatching(/zone-1[\s\S]*zone-2/)])
    } else expect([command, await ctl(command)]).toMatchObject([command, { status: 0, err: '' }])
  }
  expect(ran).toEqual(commands)
  expect(commands.length).toBeGreaterThan(12)
  const names = Object.keys(await vipsOf(global))
  expect(names).toEqual(['zone-1/api', 'zone-1/cart', 'zone-1/mail', 'zone-1/web', 'zone-2/search', 'zone-2/web'])
})

test('the zone that has become ours serves what it had: everybody’s addresses, its own behind them, its proxies', async () => {
  expect(await aliases(zone)).toEqual((await aliases()).filter((line) => line.startsWith('zone:zone-1 ')))
  const vips = await vipsOf(zone)
  expect(Object.keys(vips)).toEqual(Object.keys(await vipsOf(global)))
  for (const name of ['api', 'cart', 'mail', 'web']) expect(vips[`zone-1/${name}`]?.length).toBeGreaterThan(1)
  const dataplanes = async (plane: Running) => {
    const { items } = (await ask('GET', `${plane.apiUrl}/dataplanes`)).body as {
      readonly items: readonly { readonly labels: Readonly<Record<string, string>> }[]
    }
    return items
      .filter(({ labels }) => labels['kuma.io/zone'] === 'zone-1')
      .map(({ labels }) => labels['kuma.io/display-name'])
      .sort()
  }
  const recordedOnes = (recordedStates('2.14.3')[moment]?.['zone-1']?.dataplanes ?? []).map(({ name }) => name).sort()
  expect(recordedOnes.length).toBeGreaterThan(0)
  expect(await dataplanes(zone)).toEqual(recordedOnes)
  await until('global to know its proxies', async () => (await dataplanes(global)).length === recordedOnes.length)
  expect(await dataplanes(global)).toEqual(recordedOnes)
  // The zone that has not become ours has seen nothing of it.
  expect(servicesHeld(players[1]?.held() ?? new Map()).length).toBeGreaterThan(1)
  expect([players[1]?.refusals(), players[1]?.dropped(), players[1]?.ended()]).toEqual([[], [], undefined])
})

test('back out of it: Kuma’s zone comes back, is told what it had, and nothing of its own has moved', async () => {
  const before = [await ownOf(global), await aliases()]
  await zone.signal('SIGTERM')
  await moves('zone-1')
  expect([await ownOf(global), await aliases()]).toEqual(before)
  // It has the two channels of a Kuma; what was proven to ours is not said of it.
  const channels = async () =>
    (await syncOf(global)).peers
      .find(({ peer }) => peer === 'zone-1')
      ?.channels.map(({ channel, inStep: isIn }) => `${channel} ${isIn}`)
  await until('it to be in step', async () => (await channels())?.join() === 'down true,up true')
})

test('back out of anything before it: whatever was asked of a Kuma, nothing was changed there', () => {
  expect(asked.size).toBeGreaterThan(3)
  expect([...asked].filter((line) => !line.startsWith('GET '))).toEqual([])
})

test('the table of variables is the one that the programs read', () => {
  const rows = [...doc.matchAll(/^\| `KUMA_(.*)` +\| `(HOLDFAST_\w+)` +\|$/gm)].map((match) => match[2])
  expect(rows).toEqual(understood.map(({ key }) => settingSpecs.find((spec) => spec.key === key)?.env))
  for (const { variables } of understood) expect(doc).toContain(variables[0])
})
