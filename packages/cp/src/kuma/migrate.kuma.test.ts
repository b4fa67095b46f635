import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, hasKuma, type KumaCp, startKuma } from '@holdfast/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { closing } from '../testing/closing.js'
import { type Items, kumaService } from '../testing/kuma-objects.js'
import { ask, inStep, Processes, type Running, syncOf, until, vipsOf } from '../testing/process.js'

// docs/migrate-from-kuma.md with a real Kuma mesh, there and back at every step: no service of a zone has another address
// in it afterwards.

const kumactl = process.env.HOLDFAST_KUMACTL ?? ''
const hasKumactl = kumactl !== '' && existsSync(kumactl)

type Zone = 'zone-1' | 'zone-2'
const zones: readonly Zone[] = ['zone-1', 'zone-2']
const services = { 'zone-1': ['api', 'web'], 'zone-2': ['search', 'web'] } as const

describe.skipIf(!hasKuma())('a Kuma mesh moves in', { timeout: 300_000 }, () => {
  const { own } = closing({ after: 'all', withinMs: 60_000 })
  const processes = own(new Processes())
  const databases = new Map<Zone, string>()
  const kumas = new Map<Zone, KumaCp>()
  let kumaGlobal: KumaCp
  let global: Running
  let ours: Running
  /** What each zone calls its services, before anything was done. */
  let before: readonly object[]
  let insightsBefore: readonly object[]
  let secretsBefore: object

  const kuma = (zone: Zone): KumaCp => {
    const cp = kumas.get(zone)
    if (cp === undefined) throw new Error(`${zone} is not there`)
    return cp
  }
  /** (Re)starts the zone's control plane with its database and another address. */
  const point = async (zone: Zone, kdsPort: number): Promise<void> => {
    await kumas.get(zone)?.stop('SIGTERM')
    const databaseUrl = databases.get(zone) ?? ''
    const cp = await startKuma({ zone, databaseUrl, globalAddress: `grpc://127.0.0.1:${kdsPort}` })
    kumas.set(
      zone,
      own(cp, (one) => one.stop()),
    )
  }
  const addresses = async (zone: Zone): Promise<object> =>
    Object.fromEntries(
      (await kuma(zone).get<Items>('/meshservices?size=100')).items
        .map(({ name, status }): [string, string] => [
          name,
          String((status as { readonly vips?: readonly { readonly ip: string }[] } | undefined)?.vips?.[0]?.ip),
        ])
        .sort(),
    )
  /** What the second zone knows of services by tag, all zones together: TLS in a PERMISSIVE mesh depends on it. */
  const insights = async (): Promise<readonly object[]> =>
    (await kuma('zone-2').get<Items>('/service-insights')).items.map(
      ({ creationTime: _c, modificationTime: _m, ...rest }) => rest,
    )
  /** What zones check the tokens of their proxies by, and what else they were told to keep. */
  const secretsOf = async (zone: Zone): Promise<object> => {
    const shown = async (list: string): Promise<readonly [string, unknown][]> =>
      (await kuma(zone).get<Items>(`/${list}?size=1000`)).items
        .filter(({ labels }) => labels?.['kuma.io/origin'] === 'global')
        .map(({ mesh, name, ...rest }): [string, unknown] => [
          `${list} ${mesh ?? ''}/${name}`,
          (rest as { readonly data?: unknown }).data,
        ])
    return Object.fromEntries([...(await shown('secrets')), ...(await shown('global-secrets'))].sort())
  }
  const allAddresses = () => Promise.all(zones.map(addresses))
  const isConnected = async (zone: Zone): Promise<boolean> =>
    (await syncOf(global)).peers.some(
      ({ peer, connected, channels }) => peer === zone && connected && channels.every((channel) => channel.inStep),
    )
  /** Kuma's global shows who is connected to it only after seconds. */
  const isOnlineAtKuma = async (zone: Zone): Promise<boolean> => {
    const { zoneInsight } = await kumaGlobal.get<{
      readonly zoneInsight?: { readonly subscriptions?: readonly { readonly disconnectTime?: string }[] }
    }>(`/zones+insights/${zone}`)
    const last = zoneInsight?.subscriptions?.at(-1)
    return last !== undefined && last.disconnectTime === undefined
  }
  const moved = async (zone: Zone): Promise<void> => {
    await point(zone, global.ports.kds ?? 0)
    await until(`${zone} to be in step`, () => isConnected(zone), {
      withinMs: 90_000,
      otherwise: () => `${global.out.slice(-2_000)}\n${kuma(zone).log().slice(-3_000)}`,
    })
  }
  const back = async (zone: Zone): Promise<void> => {
    await point(zone, kumaGlobal.kdsPort)
    await until(`${zone} to be back at Kuma`, () => isOnlineAtKuma(zone), { withinMs: 90_000 })
  }
  const shown = async (): Promise<string> => {
    const lists = ['meshes', 'meshservices', 'dataplanes', 'meshtimeouts', 'zones', 'global-secrets', 'secrets']
    return JSON.stringify(await Promise.all(lists.map((list) => kumaGlobal.get(`/${list}?size=1000`))))
  }
  const ctl = async (...args: readonly string[]): Promise<string> => {
    const { status, out, err } = await processes.holdfastctl(args, '', { HOLDFAST_URL: global.apiUrl })
    expect([args, status, err]).toEqual([args, 0, ''])
    return out
  }
  const importFrom = (cp: KumaCp, ...more: readonly string[]) =>
    ctl(...more, 'import', 'kuma', '--from', `http://127.0.0.1:${cp.apiPort}`, '--yes')

  beforeAll(async () => {
    kumaGlobal = own(await startKuma({}), (cp) => cp.stop())
    for (const zone of zones) databases.set(zone, own(await freshDatabase({ empty: true }), (db) => db.drop()).url)
    await Promise.all(zones.map((zone) => point(zone, kumaGlobal.kdsPort)))
    for (const zone of zones)
      await until('a mesh to be there', async () => (await kuma(zone).get<Items>('/meshes')).items.length > 0, {
        withinMs: 90_000,
      })
    for (const zone of zones) for (const name of services[zone]) await kuma(zone).put(...kumaService(name))
    await kuma('zone-1').put('/meshes/default/dataplanes/dp-1', {
      type: 'Dataplane',
      mesh: 'default',
      name: 'dp-1',
      labels: { 'kuma.io/origin': 'zone', app: 'web' },
      networking: { address: '10.0.0.1', inbound: [{ port: 8080, tags: { 'kuma.io/service': 'web' } }] },
    })
    const isWhole = (map: object): boolean =>
      Object.keys(map).length === 4 && Object.values(map).every((ip) => ip !== 'undefined')
    await until('every service to have an address everywhere', async () => (await allAddresses()).every(isWhole), {
      withinMs: 90_000,
    })
    before = await allAddresses()
    await until('the zones to have been told of services by tag', async () => (await insights()).length === 1, {
      withinMs: 90_000,
    })
    insightsBefore = await insights()
    secretsBefore = await secretsOf('zone-1')
    expect(Object.keys(secretsBefore)).toContain('global-secrets /zone-token-signing-public-key-1')
  }, 240_000)
  test('1: a Holdfast global reads what there is, twice to the same end; Kuma has not noticed', async () => {
    global = await processes.start('global', [
      ...['--init', '--allow-unauthenticated-zone', 'zone-1,zone-2', '--kds-tls', 'off'],
    ])
    // Statuses and labels of a new service settle within seconds.
    let there = await shown()
    let since = performance.now()
    await until(
      'Kuma to have settled',
      async () => {
        const now = await shown()
        if (now !== there) [there, since] = [now, performance.now()]
        return performance.now() - since > 8_000
      },
      { withinMs: 90_000 },
    )
    expect(await ctl('import', 'kuma', '--from', `http://127.0.0.1:${kumaGlobal.apiPort}`)).toContain(
      'nothing was changed',
    )
    for (const cp of [kumaGlobal, kuma('zone-1'), kuma('zone-2')]) await importFrom(cp)
    for (const cp of [kumaGlobal, kuma('zone-1'), kuma('zone-2')])
      expect(await importFrom(cp)).toContain('nothing to do')
    expect(await shown()).toBe(there)
    expect(await allAddresses()).toEqual(before)
  })

  test.skipIf(!hasKumactl)('1: what the real kumactl exports is read to the same end', async () => {
    for (const [cp, ...as] of [
      [kumaGlobal],
      [kuma('zone-1'), '--from-zone', 'zone-1'],
      [kuma('zone-2'), '--from-zone', 'zone-2'],
    ] as const) {
      const config = join(processes.folder, `kumactl-${cp.apiPort}`)
      const kumactlOf = (...args: readonly string[]) => processes.run(kumactl, ['--config-file', config, ...args])
      const address = `http://127.0.0.1:${cp.apiPort}`
      const added = await kumactlOf('config', 'control-planes', 'add', '--name', 'k', '--address', address)
      expect([added.status, added.err]).toEqual([0, ''])
      const { status, out } = await kumactlOf('export', '-p', 'all', '-a')
      expect([status, out.includes('type: MeshService')]).toEqual([0, true])
      const file = `${config}.yaml`
      writeFileSync(file, out)
      for (const agreed of [[], ['--yes']])
        expect(await ctl('import', 'kuma', '--from-export', file, ...as, ...agreed)).toContain('nothing to do')
    }
    // Of another global nothing is there yet, and all of the export is read.
    const other = await processes.start('global', ['--init'])
    const file = join(processes.folder, `kumactl-${kumaGlobal.apiPort}.yaml`)
    const fresh = (...more: readonly string[]) =>
      processes.holdfastctl(['import', 'kuma', '--from-export', file, ...more], '', { HOLDFAST_URL: other.apiUrl })
    const done = await fresh('--yes')
    expect([done.status, done.err, done.out]).toEqual([0, '', expect.stringMatching(/\d+ done, 0 not possible/)])
    expect((await fresh()).out).toContain('nothing to do')
    await other.signal('SIGTERM')
  })

  test('3: a zone is pointed at it, and back out: its addresses and the other zone’s stay', async () => {
    await moved('zone-1')
    expect(await allAddresses()).toEqual(before)
    await back('zone-1')
    expect(await allAddresses()).toEqual(before)
  })

  test('3: all zones are pointed at it; Kuma’s global may go', async () => {
    await importFrom(kumaGlobal)
    for (const zone of zones) {
      await moved(zone)
      expect(await allAddresses()).toEqual(before)
      expect(await secretsOf(zone)).toEqual(secretsBefore)
    }
    expect(Object.keys(await vipsOf(global))).toEqual(['zone-1/api', 'zone-1/web', 'zone-2/search', 'zone-2/web'])
    // What is new now goes from zone to zone over us.
    await kuma('zone-2').put(...kumaService('late'))
    await until('it to be in the other zone', async () => Object.keys(await addresses('zone-1')).length === 5, {
      withinMs: 60_000,
    })
    await kuma('zone-2').remove('/meshes/default/meshservices/late')
    await until('it to be gone again', async () => Object.keys(await addresses('zone-1')).length === 4, {
      withinMs: 60_000,
    })
    expect(await allAddresses()).toEqual(before)
  })

  test('where plain text is let in beside TLS, a zone is told of services by tag what Kuma’s global told it', async () => {
    const backends = [{ name: 'ca', type: 'builtin', mode: 'PERMISSIVE' }]
    const { status } = await ask('PUT', `${global.apiUrl}/meshes/default`, {
      type: 'Mesh',
      name: 'default',
      mtls: { enabledBackend: 'ca', backends },
    })
    expect(status).toBe(200)
    await until('it to be told', async () => (await insights()).length > 0, { withinMs: 60_000 })
    expect(await insights()).toEqual(insightsBefore)
  })

  test('4: a zone becomes ours: it serves each address that its services had there, and the other zone sees no change', async () => {
    // The old one is read while it speaks to nobody here.
    await back('zone-1')
    await ctl('zone', 'add', 'zone-1', '--out', 'zone-1.json')
    ours = await processes.start('zone', ['--join', 'zone-1.json'])
    await until('our zone-1 to be in step', () => inStep(ours), { withinMs: 60_000, otherwise: () => ours.out })
    await importFrom(kuma('zone-1'), '--url', ours.apiUrl)
    const [had = {}] = before
    const has = Object.values(await vipsOf(ours))
    for (const address of Object.values(had)) expect(has.flat()).toContain(address)
    expect(has.length).toBe(4)
    expect((await ask('GET', `${ours.apiUrl}/meshes/default/dataplanes/dp-1`)).status).toBe(200)
    expect(await addresses('zone-2')).toEqual(before[1])
    expect(JSON.parse(await ctl('vip', 'verify', '-o', 'json'))).toMatchObject({ agree: true })
  })

  test('4: back out: Kuma’s zone comes back under our global with the addresses that it had', async () => {
    await ours.signal('SIGTERM')
    await moved('zone-1')
    expect(await allAddresses()).toEqual(before)
  })
})
