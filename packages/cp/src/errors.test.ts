import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { joinBundleText } from '@holdfast/identity'
import { Problem, secretSpec } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { readLabel } from './backup/label.js'
import { findTool, runTool } from './backup/tools.js'
import { createDefaults } from './bootstrap.js'
import { restore } from './commands/backup.js'
import { redisBus } from './commands/database.js'
import { startDns } from './commands/dns.js'
import { joined } from './commands/join.js'
import { finish } from './commands/once.js'
import { configProblemText, listenProblem } from './commands/problems.js'
import { loadPolicyHooks } from './config/policy-hooks.js'
import { resolveSettings } from './config/resolve.js'
import type { Command, Settings } from './config/settings.js'
import { type IssuerOptions, StoredIssuer } from './identity/issuer.js'
import { masterKeys } from './identity/master-keys.js'
import { Rotations, type RotationsOptions } from './identity/rotation.js'
import { ServerTls, type ServerTlsOptions } from './identity/server-tls.js'
import { readAuthorities, readTlsFiles } from './identity/tls-files.js'
import { authenticateUsers } from './identity/users.js'
import { StoredZoneGate, type ZoneGateOptions } from './identity/zone-gate.js'
import { ZoneIdentity, type ZoneIdentityOptions } from './identity/zone-identity.js'
import { checkLoopback, inheritedSockets, takenOver } from './lifecycle/inherited-sockets.js'
import { Scope } from './lifecycle/scope.js'
import { zoneSync } from './sync.js'

// What a control plane says to whoever starts it or lets somebody in, in one file that a person has read. A test of the
// testkit reads off the source which there are; what only whole processes say is read in their own tests.

const folder = mkdtempSync(join(tmpdir(), 'holdfast-errors-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
/** A certificate and its key, of RSA with 512 bits, which OpenSSL does not serve with. */
const smallPair = fileURLToPath(new URL('../testdata/small-pair.pem', import.meta.url))
const pem = (name: string): string =>
  readFileSync(new URL(`../../transport/testdata/tls/${name}.pem`, import.meta.url), 'utf8')
const log = pino({ level: 'silent' })
const { signal } = new AbortController()

const thrown = (work: () => unknown) => async (): Promise<string> => {
  try {
    await work()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

/** What a start with these settings says. */
const started =
  (
    command: Command,
    flags: Readonly<Record<string, unknown>>,
    { env = {}, yaml }: { readonly env?: Readonly<Record<string, string>>; readonly yaml?: string } = {},
  ) =>
  async (): Promise<string> => {
    const given = yaml === undefined ? {} : { file: { path: 'holdfast.yaml', text: yaml } }
    const resolved = resolveSettings({ command, flags, env, ...given })
    return 'settings' in resolved ? 'no error' : configProblemText(resolved)
  }

const settings = (more: Partial<Settings>): Settings =>
  ({ zone: '', globalAddresses: [], dataDir: folder, dnsUpstreams: [], ...more }) as Settings
const program = (name: string, says: string): void => {
  const path = file(name, `#!/bin/sh\n${says}\n`)
  chmodSync(path, 0o755)
}
const listening = (code: string) => async (): Promise<string> =>
  listenProblem('HTTP API', '--api-port', '10.0.0.1', 80, Object.assign(new Error('listen'), { code })).message

const nothingKnown = {
  authorities: { trusted: [], signing: undefined, known: [] },
  zoneRevocations: new Map(),
  revokedZoneTokens: new Set(),
  userKeys: new Map(),
  zoneKeys: new Map(),
}
const keeper = (known: object = {}) => ({
  known: async () => ({ ...nothingKnown, ...known }),
  verify: async () => ({ ok: false, reason: 'it is of nobody' }),
})
const gate = (known: object = {}, more: object = {}): StoredZoneGate =>
  new StoredZoneGate({
    ...{ keeper: keeper(known), trustDomain: 'holdfast', unauthenticated: [], certificateLifetimeMs: 1_000 },
    ...{ serverAuthorities: async () => '', log, nowMs: () => 10_000 },
    ...more,
  } as unknown as ZoneGateOptions)
const reasonOf = (answer: unknown): string => (answer as { readonly reason?: string }).reason ?? 'no error'

const issuer = (more: object = {}): StoredIssuer =>
  new StoredIssuer({
    ...{ keeper: keeper(), role: 'zone', zone: 'east', log, nowMs: () => 10_000, entrance: async () => undefined },
    store: { read: { get: async () => undefined, list: async () => ({ total: 0, items: [] }) } },
    ...more,
  } as unknown as IssuerOptions)

const rotation = (more: object = {}): Rotations =>
  new Rotations({
    ...{ keeper: keeper(), role: 'zone', zone: 'east', log, nowMs: () => 10_000 },
    store: { read: { get: async () => undefined } },
    ...more,
  } as unknown as RotationsOptions)

/** A store of which these are the secrets, and these the zones. */
const holding = (secrets: Readonly<Record<string, string>>, zones: readonly string[] = []) => ({
  read: {
    get: async () => undefined,
    list: async ({ type }: { readonly type: string }) => {
      const named = Object.entries(secrets).map(([name, text]) => ({ name, spec: secretSpec(Buffer.from(text)) }))
      const items = type === 'Zone' ? zones.map((name) => ({ name })) : type === 'GlobalSecret' ? named : []
      return { total: items.length, items }
    },
  },
})
const retired = (secrets: Readonly<Record<string, string>>) =>
  thrown(() =>
    rotation({ store: holding(secrets) }).rotateSigningKey({ kind: 'user', mesh: '', retire: true, actor: 'anna' }),
  )
const newRsa = () => generateKeyPairSync('rsa', { modulusLength: 2_048 })

/** The next authority is to sign, and a zone answers so. */
const switched = (answer: unknown) =>
  thrown(() => {
    const known = ['2', '1'].map((keyId) => ({ keyId, certificatePem: pem('cert') }))
    return rotation({
      keeper: keeper({ authorities: { known, signing: known[1] } }),
      store: holding({}, ['west']),
      serverAuthorities: async () => pem('cert'),
    }).rotateAuthority({ step: 'switch', force: false, actor: 'anna', ask: async () => answer })
  })

async function proofOf(more: Partial<ZoneIdentityOptions>): Promise<unknown> {
  const dataDir = mkdtempSync(join(folder, 'zone-'))
  const identity = await ZoneIdentity.open({
    ...{ zone: 'east', dataDir, trustDomain: 'holdfast', log, nowMs: () => 10_000, version: '0.1.0', address: [] },
    ...more,
  } as unknown as ZoneIdentityOptions)
  try {
    return await identity.proofFor('grpcs://global:5685')
  } finally {
    await identity.close()
  }
}
const bundle = {
  zone: 'east',
  addresses: [],
  authorities: '',
  globalId: 'spiffe://mesh/global',
  token: 't',
  expiresAtMs: 0,
}
/** A zone that has joined, and keeps what proves it. */
const keptOf = (zone: string): { readonly dataDir: string } => {
  const dataDir = mkdtempSync(join(folder, 'kept-'))
  const kept = { zone, certificate: pem('cert'), privateKey: pem('key'), authorities: '', addresses: [], bundle: '' }
  writeFileSync(join(dataDir, 'zone-identity.json'), JSON.stringify(kept))
  return { dataDir }
}
/** Zones that were not in step since the loss, and nobody who says that they may be left out. */
const finished = (...missing: readonly string[]) =>
  thrown(() => {
    const store = { status: async () => ({ state: 'recovering' }), recovery: { missingZones: async () => missing } }
    return finish(store as unknown as ControlPlaneStore, false)
  })
const joinFile = () =>
  file('east.join', joinBundleText({ ...bundle, addresses: ['grpcs://global:5685'], token: 'a.b.c' }))

/** What is said of a file whose label is there. */
const restored = (name: string) =>
  thrown(() => {
    const label = {
      ...{
        format: 'holdfast-backup/1',
        role: 'global',
        name: '',
        storeId: 's',
        epoch: 'e',
        revision: 7,
        schema: 'public',
      },
      ...{ serverVersion: 180_004, programVersion: '0.1.0', at: '2026-01-02T03:04:05Z', bytes: 9, sha256: 'x' },
    }
    const path = join(folder, name)
    file(`${name}.json`, JSON.stringify(label))
    return restore({ databaseUrl: 'postgres://u@127.0.0.1:1/d', file: path, signal, write: () => {} })
  })

const sockets = (names: string) => () =>
  inheritedSockets({ LISTEN_PID: '7', LISTEN_FDS: String(names.split(':').length), LISTEN_FDNAMES: names }, 7)
const withEnvironment = (env: Readonly<Record<string, string>>, work: () => unknown) => () => {
  Object.assign(process.env, env)
  try {
    return work()
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
}

const rooms: Readonly<Record<string, readonly (readonly [what: string, said: () => Promise<string>])[]>> = {
  Settings: [
    ['a zone without a name', started('zone', {})],
    ['a file that is no mapping', started('global', {}, { yaml: '- 1' })],
    ['a file that is no YAML', started('global', {}, { yaml: 'a: [b\n' })],
    ['a setting that there is not', started('global', {}, { yaml: 'kdsProt: 1\n' })],
    [
      'values of a Kuma that say nothing',
      started(
        'global',
        {},
        {
          env: {
            KUMA_MULTIZONE_GLOBAL_KDS_MAX_MSG_SIZE: 'big',
            KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'maybe',
            KUMA_API_SERVER_GUI_ENABLED: 'maybe',
          },
        },
      ),
    ],
    [
      'values of a Kuma that say nothing to a zone',
      started(
        'zone',
        { zone: 'east' },
        {
          env: {
            KUMA_MESH_SERVICE_DELETION_GRACE_PERIOD: 'soon',
            KUMA_MESH_SERVICE_LABEL_PROPAGATION_ENABLED: 'true',
          },
        },
      ),
    ],
    [
      'hooks that cannot be meant',
      started('global', {
        policyHooks: [
          { name: 'owner', url: 'http://hook/review', caFile: 'ca.pem' },
          { name: 'owner', url: 'here', timeoutMs: 1, types: ['Frob'] },
        ],
      }),
    ],
    [
      'files of hooks',
      thrown(() =>
        loadPolicyHooks(
          [file('empty.pem', ''), join(folder, 'nowhere.pem')].map((caFile, at) => ({
            ...{ name: `hook-${at}`, url: 'https://hook/review', caFile, timeoutMs: 50 },
            ...{ failurePolicy: 'hold' as const, maxBodyBytes: 1_024 },
          })),
        ),
      ),
    ],
    ['a Redis that is none', thrown(() => redisBus('http://redis', { log }))],
    [
      'a zone whose DNS would ask itself',
      thrown(() =>
        startDns(
          'zone',
          settings({ dnsPort: 53, dnsAddress: '127.0.0.1', dnsUpstreams: ['127.0.0.1'] }),
          log,
          new Scope(),
        ),
      ),
    ],
  ],
  'Ports and sockets': [
    ['a port that is in use', listening('EADDRINUSE')],
    ['a port that needs privileges', listening('EACCES')],
    ['an address that is not ours', listening('EADDRNOTAVAIL')],
    ['a socket of a name that there is not', thrown(sockets('http'))],
    ['two sockets of one name', thrown(sockets('kds:kds'))],
    [
      'a socket that strangers could reach',
      thrown(
        withEnvironment({ LISTEN_PID: String(process.pid), LISTEN_FDS: '1', LISTEN_FDNAMES: 'kds' }, () =>
          takenOver({ kdsTls: 'off', unauthenticatedZones: [] }, log),
        ),
      ),
    ],
    ['a socket without TLS', thrown(() => checkLoopback({ address: '10.0.0.1', port: 5681, family: 'IPv4' }))],
  ],
  'Certificates and keys': [
    [
      'a certificate that is not there',
      thrown(() => readTlsFiles({ certFile: join(folder, 'no.pem'), keyFile: file('key.pem', pem('key')) }, 0)),
    ],
    [
      'a certificate that is none',
      thrown(() => readTlsFiles({ certFile: file('no-cert.pem', '?'), keyFile: file('key.pem', pem('key')) }, 0)),
    ],
    [
      'a key that is none',
      thrown(() => readTlsFiles({ certFile: file('cert.pem', pem('cert')), keyFile: file('no-key.pem', '?') }, 0)),
    ],
    [
      'a key of another certificate',
      thrown(() => {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const keyFile = file('other.pem', String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
        return readTlsFiles({ certFile: file('cert.pem', pem('cert')), keyFile }, 0)
      }),
    ],
    [
      'a certificate that has expired',
      thrown(() =>
        readTlsFiles(
          { certFile: file('cert.pem', pem('cert')), keyFile: file('key.pem', pem('key')) },
          Number.MAX_SAFE_INTEGER,
        ),
      ),
    ],
    ['authorities that are not there', thrown(() => readAuthorities(file('none.pem', 'acme')))],
    [
      'an authority of which half is there',
      thrown(() => readAuthorities(file('half.pem', `${pem('cert').slice(0, 200)}\n-----END CERTIFICATE-----\n`))),
    ],
    [
      'a certificate that cannot be served with',
      async () =>
        (await thrown(() => readTlsFiles({ certFile: smallPair, keyFile: smallPair }, 0))()).replaceAll(
          smallPair,
          'small-pair.pem',
        ),
    ],
    [
      'nobody who signs a certificate',
      thrown(() =>
        ServerTls.open({
          keeper: keeper(),
          what: 'KDS',
          names: [],
          nowMs: () => 0,
          log,
        } as unknown as ServerTlsOptions),
      ),
    ],
    ['an authority that a zone does not believe', switched({ certificate: null, believes: [] })],
    ['an authority of which a zone says nothing', switched({})],
    ['an only signing key that is to go', retired({})],
    [
      'signing keys of which the newest signs nothing',
      retired({
        'user-token-signing-key-1': String(newRsa().privateKey.export({ type: 'pkcs1', format: 'pem' })),
        'user-token-signing-key-2': String(newRsa().publicKey.export({ type: 'spki', format: 'pem' })),
      }),
    ],
    [
      'a key of secrets that is not there',
      thrown(() => masterKeys({ secretsKeyFile: join(folder, 'no.key'), dataDir: folder, databaseUrl: '' }, {}, log)),
    ],
  ],
  'Joining and letting in': [
    ['a join bundle that is not there', thrown(() => joined(settings({ joinFile: join(folder, 'no.join') })))],
    ['a join bundle of another zone', thrown(() => joined(settings({ joinFile: joinFile(), zone: 'west' })))],
    [
      'a zone that has joined under another name',
      thrown(() => joined(settings({ ...keptOf('east'), joinFile: join(folder, 'no.join'), zone: 'west' }))),
    ],
    [
      'a zone that was away for longer than its certificate lasts',
      thrown(() => proofOf({ ...keptOf('east'), nowMs: () => Number.MAX_SAFE_INTEGER })),
    ],
    ['a join bundle that has expired', thrown(() => proofOf({ bundle, joinFile: 'east.join' }))],
    ['a token that is not there', thrown(() => proofOf({ tokenFile: join(folder, 'no.token') }))],
    [
      'a certificate for a zone that proves nothing',
      async () =>
        reasonOf(
          await gate({}, { unauthenticated: ['east'] }).admit({
            ...{ peer: { zone: 'east', version: '', features: [], extension: true }, call: 'certify' },
            remoteAddress: '10.0.0.1',
          } as never),
        ),
    ],
    ['a global without an authority', async () => reasonOf(await gate().certify('east', new Uint8Array()))],
    [
      'a zone that was revoked a moment ago',
      async () =>
        reasonOf(
          await gate({
            authorities: { ...nothingKnown.authorities, signing: {} },
            zoneRevocations: new Map([['east', 9_999]]),
          }).certify('east', new Uint8Array()),
        ),
    ],
    [
      'a zone name that is none',
      thrown(() => issuer().joinBundle({ zone: 'East!', validForMs: 1, addresses: [], actor: 'anna' })),
    ],
    [
      'a global that is not ready',
      thrown(() => issuer().joinBundle({ zone: 'east', validForMs: 1, addresses: [], actor: 'anna' })),
    ],
    ['a user token without a key', thrown(() => issuer().issue({ kind: 'user', name: 'anna', groups: [] }, 1))],
    [
      'a token of a proxy of a mesh that is not there',
      thrown(() => issuer().issue({ kind: 'dataplane', mesh: 'shop', name: 'web', tags: {} } as never, 1)),
    ],
    [
      'a new key of zone tokens, at a zone',
      thrown(() => rotation().rotateSigningKey({ kind: 'zone', mesh: '', retire: false, actor: 'anna' })),
    ],
    [
      'a new key of a mesh that is not there',
      thrown(() =>
        rotation({ role: 'global' }).rotateSigningKey({
          kind: 'dataplane',
          mesh: 'shop',
          retire: false,
          actor: 'anna',
        }),
      ),
    ],
    [
      'a token that is of nobody',
      thrown(() =>
        authenticateUsers({
          ...{ keeper: keeper(), access: {}, localhostIsAdmin: false, log, nowMs: () => 0 },
        } as never)({
          ...{ headers: { authorization: 'Bearer x' }, remoteAddress: '10.0.0.1', method: 'GET', path: '/' },
        } as never),
      ),
    ],
    ['a zone that asks another one', thrown(() => zoneSync(undefined).askZone('west', 'status', {}, { signal }))],
    ['a zone that stands alone', thrown(() => zoneSync(undefined).askZone('', 'status', {}, { signal }))],
  ],
  'The first start, and the end of a recovery': [
    [
      'defaults that the store refuses',
      thrown(() => {
        const refused = [
          { outcome: 'refused', problem: new Problem('conflict', 'Mesh "default" belongs to zone east') },
        ]
        const store = { local: { apply: async () => refused } } as unknown as ControlPlaneStore
        return createDefaults(store, 'global', '', log, signal)
      }),
    ],
    ['a recovery that one zone has not seen', finished('west')],
    ['a recovery that two zones have not seen', finished('east', 'west')],
  ],
  Backups: [
    ['a backup without its label', thrown(() => readLabel(join(folder, 'no.dump')))],
    [
      'a label that is none',
      thrown(() => {
        file('x.dump.json', '{}')
        return readLabel(join(folder, 'x.dump'))
      }),
    ],
    ['a backup that is not there', restored('gone.dump')],
    [
      'a backup that is not all there',
      () => {
        file('torn.dump', 'half')
        return restored('torn.dump')()
      },
    ],
    ['a program that is not there', thrown(() => findTool('pg_dump', join(folder, 'nowhere'), 180_004))],
    [
      'a program that is somebody else’s',
      thrown(() => {
        program('pg_dump', 'echo frob')
        return findTool('pg_dump', folder, 180_004)
      }),
    ],
    [
      'a program that is older than the server',
      thrown(() => {
        program('pg_dump', 'echo "pg_dump (PostgreSQL) 14.1"')
        return findTool('pg_dump', folder, 180_004)
      }),
    ],
    [
      'a program that fails',
      thrown(() => {
        program('pg_restore', 'echo "no space left" >&2; exit 3')
        return runTool({ path: join(folder, 'pg_restore'), major: 18 }, [], 'postgres://u@h/d', signal)
      }),
    ],
  ],
  'The end': [
    [
      'what does not close',
      thrown(() => {
        const scope = new Scope()
        scope.own('store', () => new Promise(() => {}))
        return scope.close(10)
      }),
    ],
    [
      'what is opened too late',
      thrown(async () => {
        const scope = new Scope()
        await scope.close(10)
        scope.own('store', () => {})
      }),
    ],
  ],
}

const told = new Map<string, string>()

test.each(Object.entries(rooms))('%s: each error names the thing and the next act', async (room, cases) => {
  const texts: string[] = []
  for (const [what, tell] of cases) {
    const text = (await tell()).replaceAll(folder, 'FOLDER')
    expect([what, text]).not.toEqual([what, 'no error'])
    texts.push(`# ${what}\n${text.replace(/kept-\w{6}/g, 'DATA')}\n`)
  }
  told.set(room, texts.join('\n'))
})

test('all of it stands in a file that a person has read', () => {
  const printed = Object.keys(rooms).map((room) => `## ${room}\n\n${told.get(room) ?? ''}`)
  expect(printed.join('\n')).toBeGolden('errors.txt')
})
