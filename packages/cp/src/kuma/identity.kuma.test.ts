import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, hasKuma, type KumaCp, startKuma, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Items, kumaService } from '../testing/kuma-objects.js'
import { ask, Processes, type Running, until } from '../testing/process.js'

// Real Kumas at a global as it is out of the box: TLS of its own authority, zones that prove nothing let in by name, and
// the real kumactl as an administrator who comes over the network.

const kumactl = process.env.HOLDFAST_KUMACTL ?? ''
const hasKumactl = kumactl !== '' && existsSync(kumactl)
if (!hasKumactl) process.stderr.write('skipped: set HOLDFAST_KUMACTL to the path of a kumactl to run its tests\n')

describe.skipIf(!hasKuma())('Kuma at a global that asks who one is', { timeout: 300_000 }, () => {
  const processes = new Processes()
  const file = (name: string): string => join(processes.folder, name)
  const kumas: KumaCp[] = []
  let database: TestDatabase
  let global: Running
  let adminToken: string

  const secret = async (name: string): Promise<string> => {
    const { body } = await ask('GET', `${global.apiUrl}/global-secrets/${name}`)
    return Buffer.from((body as { readonly data: string }).data, 'base64').toString('utf8')
  }
  const zoneOf = async (zone: string): Promise<KumaCp> => {
    const kuma = await startKuma({
      zone,
      globalAddress: `grpcs://127.0.0.1:${global.ports.kds}`,
      env: { KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: file('ca.pem') },
    })
    kumas.push(kuma)
    return kuma
  }
  const peers = async () =>
    (
      (await ask('GET', `${global.apiUrl}/_holdfast/sync`)).body as {
        readonly peers: readonly { readonly peer: string; readonly connected: boolean; readonly kuma: boolean }[]
      }
    ).peers

  beforeAll(async () => {
    database = await freshDatabase()
    global = await processes.start('global', [
      ...['--database-url', database.url, '--init', '--kds-tls', 'on', '--allow-unauthenticated-zone', 'north'],
      ...['--api-tls-address', '127.0.0.1', '--api-tls-port', '0', '--localhost-admin', 'on'],
    ])
    const authority = await secret('holdfast-authority-1')
    writeFileSync(file('ca.pem'), authority.slice(0, authority.indexOf('-----BEGIN PRIVATE KEY')))
    adminToken = (await secret('admin-user-token')).trim()
  }, 120_000)
  afterAll(async () => {
    for (const kuma of kumas) await kuma.stop()
    await processes.close()
    await database.drop()
  }, 60_000)

  test('a Kuma zone comes in over TLS where its name is allowed, and believes the certificate by our authority', async () => {
    const north = await zoneOf('north')
    await until('a mesh to be there', async () => (await north.get<Items>('/meshes')).items.length > 0, {
      withinMs: 90_000,
      otherwise: () => north.log().slice(-2_000),
    })
    await north.put(...kumaService('web'))
    const seen = async () =>
      ((await ask('GET', `${global.apiUrl}/meshservices`)).body as Items).items.map(
        ({ labels }) => labels?.['kuma.io/zone'],
      )
    await until('its service to be at global', async () => (await seen()).includes('north'), { withinMs: 60_000 })
    expect(await peers()).toMatchObject([{ peer: 'north', connected: true, kuma: true }])
  })

  test('a mesh with a builtin authority that is made at our global has it in a Kuma zone, byte for byte', async () => {
    const [north] = kumas
    if (north === undefined) throw new Error('no zone')
    const mtls = { enabledBackend: 'ca-1', backends: [{ name: 'ca-1', type: 'builtin' }] }
    const { status } = await ask('PUT', `${global.apiUrl}/meshes/secure`, { type: 'Mesh', name: 'secure', mtls })
    expect(status).toBe(201)
    type Secrets = { readonly items: readonly { readonly name: string; readonly data: string }[] }
    const ours = ((await ask('GET', `${global.apiUrl}/meshes/secure/secrets`)).body as Secrets).items
    expect(ours.map(({ name }) => name)).toEqual(['secure.ca-builtin-cert-ca-1', 'secure.ca-builtin-key-ca-1'])
    const theirs = async () => (await north.get<Secrets>('/meshes/secure/secrets')).items
    const isThere = async (): Promise<boolean> => (await theirs().catch(() => [])).length === 2
    await until('both secrets to be there', isThere, { withinMs: 60_000 })
    const texts = (items: Secrets['items']) => items.map(({ name, data }) => [name, data])
    expect(texts(await theirs())).toEqual(texts(ours))
  })

  test('one whose name is not allowed is told why, learns nothing and disturbs nobody', async () => {
    const south = await zoneOf('south')
    await until('it to be told', () => /shows nothing that proves its name/.test(south.log()), {
      withinMs: 90_000,
      otherwise: () => south.log().slice(-2_000),
    })
    expect((await south.get<Items>('/meshes')).items).toEqual([])
    expect((await peers()).filter(({ connected }) => connected).map(({ peer }) => peer)).toEqual(['north'])
    expect(south.ended()).toBeUndefined()
  })

  test.skipIf(!hasKumactl)(
    'the real kumactl over TLS: an administrator by token, nobody without it, and the tokens that it makes',
    async () => {
      const url = `https://localhost:${global.ports.apiTls}`
      const ctl = (config: string, args: readonly string[], input = '') =>
        processes.run(kumactl, ['--config-file', file(config), ...args], input)
      const add = ['config', 'control-planes', 'add', '--name', 'g', '--address', url, '--ca-cert-file', file('ca.pem')]
      const admin = await ctl('admin', [...add, '--auth-type', 'tokens', '--auth-conf', `token=${adminToken}`])
      expect([admin.status, admin.err]).toEqual([0, ''])
      expect(await ctl('nobody', add)).toMatchObject({ status: 0 })
      const mesh = 'type: Mesh\nname: from-afar\n'
      // As from elsewhere: what comes over this header is no administrator of this machine.
      const afar = [
        'config',
        'control-planes',
        'add',
        '--name',
        'afar',
        '--address',
        url,
        '--ca-cert-file',
        file('ca.pem'),
      ]
      expect(await ctl('nobody', [...afar, '--headers', 'x-forwarded-for=192.0.2.1'])).toMatchObject({ status: 0 })
      const denied = await ctl('nobody', ['apply', '-f', '-'], mesh)
      expect([denied.status, denied.err]).toEqual([1, expect.stringMatching(/Access Denied/)])
      expect(await ctl('admin', ['apply', '-f', '-'], mesh)).toMatchObject({ status: 0, err: '' })
      const meshes = await ctl('admin', ['get', 'meshes'])
      expect([meshes.status, meshes.out]).toEqual([0, expect.stringMatching(/from-afar/)])
      for (const args of [
        ['generate', 'user-token', '--name', 'ann', '--group', 'team-a', '--valid-for', '1h'],
        ['generate', 'zone-token', '--zone', 'west', '--scope', 'ingress', '--valid-for', '1h'],
        ['generate', 'dataplane-token', '--mesh', 'default', '--name', 'dp-1', '--valid-for', '1h'],
      ]) {
        const { status, out, err } = await ctl('admin', args)
        expect([args[1], status, err, out.trim().split('.').length]).toEqual([args[1], 0, '', 3])
        const refused = await ctl('nobody', args)
        expect([args[1], refused.status, refused.err]).toEqual([args[1], 1, expect.stringMatching(/Access Denied/)])
      }
      // A user who is no administrator; on this machine she would be one, as with Kuma.
      const { out: token } = await ctl('admin', [
        'generate',
        'user-token',
        '--name',
        'ann',
        '--group',
        'team-a',
        '--valid-for',
        '1h',
      ])
      await ctl('ann', [
        ...[...add, '--headers', 'x-forwarded-for=192.0.2.1'],
        ...['--auth-type', 'tokens', '--auth-conf', `token=${token.trim()}`],
      ])
      const secrets = await ctl('ann', ['get', 'global-secrets'])
      expect([secrets.status, secrets.err]).toEqual([1, expect.stringMatching(/Access Denied/)])
    },
  )

  test.skipIf(!hasKumactl)(
    'tokens that the real kumactl issues offline are as good as ours, until their key or they are withdrawn',
    async () => {
      const url = `https://localhost:${global.ports.apiTls}`
      const ctl = (config: string, args: readonly string[], input = '') =>
        processes.run(kumactl, ['--config-file', file(config), ...args], input)
      const add = ['config', 'control-planes', 'add', '--name', 'g', '--address', url, '--ca-cert-file', file('ca.pem')]
      // As from elsewhere: who has no valid token is nobody.
      const afar = [...add, '--headers', 'x-forwarded-for=192.0.2.1', '--auth-type', 'tokens']
      const enter = (config: string, token: string) => ctl(config, [...afar, '--auth-conf', `token=${token}`])
      const issue = async (keyFile: string, kid: string) => {
        const { status, out } = await ctl('offline', [
          ...['generate', 'user-token', '--name', 'root', '--group', 'mesh-system:admin', '--valid-for', '1h'],
          ...['--signing-key-path', keyFile, '--kid', kid],
        ])
        expect([status, out.trim().split('.').length]).toEqual([0, 3])
        return out.trim()
      }
      const isIn = async (config: string) => (await ctl(config, ['get', 'global-secrets'])).status === 0
      const unauthenticated = { status: 1, err: expect.stringMatching(/Invalid authentication data/) }

      expect(await enter('root', adminToken)).toMatchObject({ status: 0 })
      // With a key that is exported from here,
      const exported = await ctl('root', ['get', 'global-secret', 'user-token-signing-key-1', '-o', 'json'])
      writeFileSync(file('exported.pem'), Buffer.from(JSON.parse(exported.out).data, 'base64'))
      await enter('by-exported', await issue(file('exported.pem'), '1'))
      expect(await isIn('by-exported')).toBe(true)
      // and with one that kumactl has made and an administrator has put here.
      const { out: pem } = await ctl('offline', ['generate', 'signing-key', '--format=pem'])
      writeFileSync(file('own.pem'), pem)
      const secretOf = (name: string, text: string) =>
        ctl(
          'root',
          ['apply', '-f', '-'],
          `type: GlobalSecret\nname: ${name}\ndata: ${Buffer.from(text).toString('base64')}\n`,
        )
      const own = await issue(file('own.pem'), '7')
      await enter('by-own', own)
      expect(await ctl('by-own', ['get', 'meshes'])).toMatchObject(unauthenticated)
      expect(await secretOf('user-token-signing-key-7', pem)).toMatchObject({ status: 0 })
      await until('its key to be believed', () => isIn('by-own'), { withinMs: 30_000 })
      // Signed by another key than the one it names.
      await enter('by-wrong', await issue(file('own.pem'), '1'))
      expect(await ctl('by-wrong', ['get', 'meshes'])).toMatchObject(unauthenticated)

      const { jti } = JSON.parse(Buffer.from(own.split('.')[1] ?? '', 'base64url').toString())
      expect(await secretOf('user-token-revocations', jti)).toMatchObject({ status: 0 })
      await until('it to be revoked', async () => !(await isIn('by-own')), { withinMs: 30_000 })
      const more = await issue(file('own.pem'), '7')
      await enter('by-own-again', more)
      expect(await isIn('by-own-again')).toBe(true)
      expect(await ctl('root', ['delete', 'global-secret', 'user-token-signing-key-7'])).toMatchObject({ status: 0 })
      await until('its key to be gone', async () => !(await isIn('by-own-again')), { withinMs: 30_000 })
      expect(await isIn('root')).toBe(true)
    },
  )
})
