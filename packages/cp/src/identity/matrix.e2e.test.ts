import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect as connectHttp2, constants } from 'node:http2'
import { Agent, request as httpsRequest } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import {
  type Claims,
  certifyGlobal,
  certifyZone,
  createAuthority,
  issueToken,
  publicKeyPem,
  readRsaKey,
  requestCertificate,
} from '@holdfast/identity'
import { byHand } from '@holdfast/store/testing'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import {
  certifyAt,
  type DialTls,
  dialKds,
  type LinkEvent,
  ReplicaClient,
  servedPaths,
  serveKds,
} from '@holdfast/transport'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ask, Processes, type Running, until } from '../testing/process.js'

// Every way to show who one is, times everything that can be wrong with it, at every door: no stream and no 200 but those
// that are meant.
vi.setConfig({ testTimeout: 90_000 })
const processes = new Processes()
let database: TestDatabase
let global: Running
let authority: { certificatePem: string; privateKeyPem: string }
const keys: Record<'user' | 'zone', KeyObject | undefined> = { user: undefined, zone: undefined }
const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
const hourMs = 3_600_000
const access = {
  static: { generateUserToken: { groups: ['helpdesk'] } },
  roles: [
    { groups: ['team-a'], meshes: ['*'], level: 'read' },
    { groups: ['team-b'], meshes: ['demo'], level: 'write' },
  ],
}
const file = (name: string): string => join(processes.folder, name)

const secret = async (name: string): Promise<Buffer> => {
  const { body } = await ask('GET', `${global.apiUrl}/global-secrets/${name}`)
  return Buffer.from((body as { data: string }).data, 'base64')
}
const put = (name: string, text: string) =>
  ask('PUT', `${global.apiUrl}/global-secrets/${name}`, {
    type: 'GlobalSecret',
    name,
    data: Buffer.from(text).toString('base64'),
  })

interface Wish {
  readonly key?: KeyObject
  readonly keyId?: string
  readonly validForMs?: number
  readonly tokenId?: string
}
const token = (claims: Claims, { key, keyId = '1', validForMs = hourMs, tokenId = randomUUID() }: Wish = {}) => {
  const own = key ?? keys[claims.kind === 'user' ? 'user' : 'zone']
  if (own === undefined) throw new Error('no key')
  return issueToken({ claims, key: { keyId, key: own }, nowMs: Date.now(), validForMs, tokenId })
}
const unsigned = (claims: object, header: object, sign: (text: string) => string): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  const text = `${part(header)}.${part({ ...claims, exp, jti: 'x' })}`
  return `${text}.${sign(text)}`
}
const ann: Claims = { kind: 'user', name: 'ann', groups: ['mesh-system:admin'] }
const zone = (name: string, scope: readonly string[] = ['cp']): Claims => ({ kind: 'zone', zone: name, scope })

beforeAll(async () => {
  database = await freshDatabase()
  const { privateKey: master } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(
    file('keys'),
    `k1 ${Buffer.from(master.export({ type: 'pkcs8', format: 'der' }))
      .subarray(0, 32)
      .toString('base64')}\n`,
  )
  global = await processes.start('global', [
    ...['--database-url', database.url, '--init', '--kds-tls', 'on', '--secrets-key-file', file('keys')],
    ...['--api-tls-address', '127.0.0.1', '--api-tls-port', '0', '--localhost-admin', 'on'],
    ...['--access', JSON.stringify(access)],
  ])
  keys.user = readRsaKey(await secret('user-token-signing-key-1'))
  keys.zone = readRsaKey(await secret('zone-token-signing-key-1'))
  const text = (await secret('holdfast-authority-1')).toString()
  const at = text.indexOf('-----BEGIN PRIVATE KEY')
  authority = { certificatePem: text.slice(0, at), privateKeyPem: text.slice(at) }
  await put('user-token-revocations', 'gone-1,gone-2')
  await put('zone-token-revocations', 'gone-3')
})
afterAll(async () => {
  agent.destroy()
  await processes.close()
  await database.drop()
})

const agent = new Agent({ keepAlive: true, maxSockets: 16 })

/** Over TLS, as from elsewhere: the header takes the administrator's rights on loopback away. */
const https = (path: string, authorization?: string, method = 'GET', body?: object): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        ...{
          method,
          host: '127.0.0.1',
          port: global.ports.apiTls,
          path,
          ca: authority.certificatePem,
          servername: 'localhost',
          agent,
        },
        headers: {
          'x-forwarded-for': '192.0.2.1',
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })

/** What a user may show that is no good. */
async function wrongTokens(): Promise<Readonly<Record<string, string>>> {
  const claims = { Name: 'ann', Groups: ['mesh-system:admin'] }
  return {
    text: 'Bearer nope',
    forged: `Bearer ${await token(ann, { key: stranger })}`,
    expired: `Bearer ${await token(ann, { validForMs: -hourMs })}`,
    revoked: `Bearer ${await token(ann, { tokenId: 'gone-2' })}`,
    'of a key that is not there': `Bearer ${await token(ann, { keyId: '7' })}`,
    "a zone's": `Bearer ${await token(zone('east'))}`,
    "a zone's with the key of users": `Bearer ${await token(zone('east'), { key: keys.user as KeyObject })}`,
    unsigned: `Bearer ${unsigned(claims, { alg: 'none', kid: '1' }, () => '')}`,
    'signed with the public key': `Bearer ${unsigned(claims, { alg: 'HS256', kid: '1' }, (text) =>
      createHmac('sha256', publicKeyPem(keys.user as KeyObject))
        .update(text)
        .digest('base64url'),
    )}`,
  }
}

test('users: every wrong token is 401, nobody is 403, and only the right one gets in', async () => {
  const shown: Readonly<Record<string, string | undefined>> = {
    nothing: undefined,
    'another scheme': 'Basic YWRtaW46YWRtaW4=',
    ...(await wrongTokens()),
    right: `Bearer ${await token(ann)}`,
    "without the administrator's group": `Bearer ${await token({ kind: 'user', name: 'jo', groups: ['team-a'] })}`,
  }
  const paths = ['/meshes', '/global-secrets', '/config', '/_holdfast/audit']
  const got: Record<string, readonly number[]> = {}
  for (const [what, authorization] of Object.entries(shown))
    got[what] = await Promise.all(paths.map((path) => https(path, authorization)))
  const no = paths.map(() => 401)
  const nobody = paths.map(() => 403)
  expect(got).toEqual({
    ...{ nothing: nobody, 'another scheme': nobody, text: no, forged: no, expired: no, revoked: no },
    ...{ 'of a key that is not there': no, "a zone's": no, "a zone's with the key of users": no },
    ...{ unsigned: no, 'signed with the public key': no },
    right: [200, 200, 200, 200],
    "without the administrator's group": [200, 403, 200, 200],
  })
  expect(await https('/')).toBe(200)
})

test('users: no route of the API takes a wrong token, but the one that looks at none; without any, that one answers, and who-am-i', async () => {
  const { body } = await ask('GET', `${global.apiUrl}/openapi.json`)
  const { paths } = body as { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  const verbs = new Set(['get', 'put', 'post', 'delete', 'patch'])
  const calls = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).flatMap((verb) =>
      verbs.has(verb) ? [[verb.toUpperCase(), path.replace(/\{[^}]+\}/g, 'x')] as const] : [],
    ),
  )
  expect(calls.length).toBeGreaterThan(150)
  // Each way of being wrong is tried above; here each route.
  const { forged, expired, revoked, "a zone's": ofZone } = await wrongTokens()
  const wrong = { forged, expired, revoked, "a zone's": ofZone }
  const odd: string[] = []
  for (const [method, path] of calls) {
    const body = method === 'PUT' || method === 'POST' || method === 'PATCH' ? {} : undefined
    const got = await Promise.all(
      Object.entries(wrong).map(async ([what, token]) => [what, await https(path, token, method, body)] as const),
    )
    // What this is: told before anything is looked at.
    const taken = method === 'GET' && path === '/' ? 200 : 401
    for (const [what, status] of got) if (status !== taken) odd.push(`${method} ${path} with ${what}: ${status}`)
    const status = await https(path, undefined, method, body)
    if (status !== 403) odd.push(`${method} ${path} with nothing: ${status}`)
  }
  expect(odd.sort()).toEqual(['GET / with nothing: 200', 'GET /who-am-i with nothing: 200'])
})

test('users: roles and lists of the configuration are what counts', async () => {
  await ask('PUT', `${global.apiUrl}/meshes/demo`, { type: 'Mesh', name: 'demo' })
  const timeout = (mesh: string) => ({
    ...{ type: 'MeshTimeout', mesh, name: 't' },
    spec: { to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '1h' } }] },
  })
  const put = (mesh: string) => ['PUT', `/meshes/${mesh}/meshtimeouts/t`, timeout(mesh)] as const
  const calls = [
    ['GET', '/meshes/default/meshtimeouts'],
    put('default'),
    ['GET', '/meshes/demo/meshtimeouts'],
    put('demo'),
    ['POST', '/tokens/user', { name: 'new', groups: ['team-a'], validFor: '1h' }],
    ['GET', '/zones'],
    ['GET', '/global-secrets'],
  ] as const
  const got: Record<string, readonly number[]> = {}
  for (const group of ['team-a', 'team-b', 'helpdesk', 'mesh-system:admin']) {
    const bearer = `Bearer ${await token({ kind: 'user', name: 'jo', groups: [group] })}`
    const statuses: number[] = []
    for (const [method, path, body] of calls) statuses.push(await https(path, bearer, method, body))
    got[group] = statuses
  }
  expect(got).toEqual({
    'team-a': [200, 403, 200, 403, 403, 200, 403],
    'team-b': [403, 403, 200, 201, 403, 403, 403],
    helpdesk: [403, 403, 403, 403, 200, 403, 403],
    'mesh-system:admin': [200, 201, 200, 200, 403, 200, 200],
  })
})

const address = (): string => `grpcs://127.0.0.1:${global.ports.kds}`
interface How {
  /** Where it is dialled, if it is not global's port. */
  readonly at?: string
  readonly tls?: DialTls
  readonly token?: string
}
const dial = (name: string, { at = address(), ...how }: How) =>
  dialKds({
    ...{ address: at, zone: name, sessionId: randomUUID(), version: 'test', instanceId: 'test' },
    nodeConfig: { storeType: 'postgres', environment: 'universal', full: '' },
    tls: { rootCa: Buffer.from(authority.certificatePem), serverId: 'spiffe://holdfast/global', ...how.tls },
    token: how.token,
  })

/** How a session begins or ends that shows this: `headers` is being let in. */
async function dialled(name: string, how: How): Promise<string> {
  const link = dial(name, how)
  const first = await new Promise<LinkEvent>((resolve) => link.start(resolve))
  await link.close({ code: 'OK', reason: 'seen' })
  return first.type === 'closed' ? first.code : first.type
}

interface CertificateWish {
  readonly for?: string
  readonly by?: typeof authority
  readonly issuedAtMs?: number
  readonly validForMs?: number
}
async function certificate(wish: CertificateWish = {}): Promise<DialTls> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const { for: name = 'east', by = authority, issuedAtMs = Date.now(), validForMs = hourMs } = wish
  const cert = await certifyZone(by, {
    ...{ zone: name, trustDomain: 'holdfast', request: await requestCertificate(name, key) },
    ...{
      issuedAtMs,
      notAfterMs: issuedAtMs + validForMs,
      serial: Buffer.from(randomUUID().replaceAll('-', '').replace(/^./, '1'), 'hex'),
    },
  })
  return { certificate: { cert: Buffer.from(cert), key: Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })) } }
}

/** What may be shown for zone east, and how a session that shows it begins or ends: `headers` is being let in. */
async function proofs(): Promise<readonly (readonly [what: string, how: How, end: string, zone?: string])[]> {
  const theirs = await createAuthority(
    'holdfast',
    createPrivateKey(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ),
    {
      issuedAtMs: Date.now(),
      notAfterMs: Date.now() + hourMs,
      serial: Buffer.alloc(16, 1),
    },
  )
  const [longAgo, before] = [Date.now() - 10 * hourMs, Date.now() - 60_000]
  const revoked = await ask('POST', `${global.apiUrl}/_holdfast/zones/gone/revoke`, {})
  expect(revoked.status).toBe(200)
  const [nobody, another] = ['UNAUTHENTICATED', 'PERMISSION_DENIED']
  return [
    ['nothing', {}, nobody],
    ['a forged token', { token: await token(zone('east'), { key: stranger }) }, nobody],
    ['an expired token', { token: await token(zone('east'), { validForMs: -hourMs }) }, nobody],
    ['a revoked token', { token: await token(zone('east'), { tokenId: 'gone-3' }) }, nobody],
    ["another zone's token", { token: await token(zone('west')) }, another],
    ["a user's token", { token: await token(ann) }, nobody],
    ['a token of another scope', { token: await token(zone('east', ['ingress', 'egress'])) }, nobody],
    ["a stranger's certificate", { tls: await certificate({ by: theirs }) }, nobody],
    ['an expired certificate', { tls: await certificate({ issuedAtMs: longAgo }) }, nobody],
    ["a revoked zone's certificate", { tls: await certificate({ for: 'gone', issuedAtMs: before }) }, nobody, 'gone'],
    ["another zone's certificate", { tls: await certificate({ for: 'west' }) }, another],
    [
      "another zone's certificate with the right token",
      { tls: await certificate({ for: 'west' }), token: await token(zone('east')) },
      another,
    ],
    ['the right token', { token: await token(zone('east')) }, 'headers'],
    ['the right certificate', { tls: await certificate() }, 'headers'],
  ]
}

test('zones: no stream for any wrong token or certificate, one for the right', async () => {
  for (const [what, how, end, name = 'east'] of await proofs())
    expect([what, await dialled(name, how)]).toEqual([what, end])
})

/** Statuses of one call of each method as a Kuma zone makes it, with an empty message and nothing after it. */
async function called(paths: readonly string[], name: string, { tls, token }: How): Promise<readonly number[]> {
  const session = connectHttp2(`https://127.0.0.1:${global.ports.kds}`, {
    ca: authority.certificatePem,
    servername: 'localhost',
    checkServerIdentity: () => undefined,
    ...tls?.certificate,
  })
  const call = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      session.once('error', reject)
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        ...{ te: 'trailers', 'content-type': 'application/grpc', 'client-id': name },
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      })
      let status: unknown
      const note = (headers: Readonly<Record<string, unknown>>): void => {
        status = headers['grpc-status'] ?? status
      }
      stream.on('response', note).on('trailers', note).on('error', reject).resume()
      stream.on('close', () => resolve(Number(status)))
      stream.end(Buffer.alloc(5))
    })
  const statuses = await Promise.all(paths.map(call))
  session.close()
  return statuses
}

test('zones: no method of the KDS port answers whoever shows no proof or a wrong one, and each answers the right one', async () => {
  const codes: Readonly<Record<string, number>> = { PERMISSION_DENIED: 7, UNAUTHENTICATED: 16 }
  const unimplemented = 12
  expect(servedPaths.length).toBeGreaterThan(6)
  const odd: string[] = []
  for (const [what, how, end, name = 'east'] of await proofs())
    for (const [i, got] of (await called(servedPaths, name, how)).entries()) {
      const isIn = ![...Object.values(codes), unimplemented].includes(got)
      if (codes[end] === undefined ? !isIn : got !== codes[end]) odd.push(`${servedPaths[i]} with ${what}: ${got}`)
    }
  expect(odd).toEqual([])
})

test('both ports speak TLS 1.3, and nothing older', async () => {
  const spoken = (port: number | undefined, maxVersion?: 'TLSv1.2'): Promise<string | null> =>
    new Promise((resolve) => {
      const options = {
        host: '127.0.0.1',
        port: port ?? 0,
        ca: authority.certificatePem,
        ALPNProtocols: ['h2', 'http/1.1'],
      }
      const socket = connectTls({ ...options, ...(maxVersion === undefined ? {} : { maxVersion }) }, () => {
        resolve(socket.getProtocol())
        socket.destroy()
      })
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  for (const port of [global.ports.kds, global.ports.apiTls])
    expect([await spoken(port), await spoken(port, 'TLSv1.2')]).toEqual([
      'TLSv1.3',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    ])
})

test("zones: whoever answers in global's place with a zone's certificate, or another global's, is not spoken to", async () => {
  const { certificate: stolen } = await certificate({ for: 'west' })
  if (stolen === undefined) throw new Error('there is no certificate')
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const { certificatePem, privateKeyPem } = await certifyGlobal(authority, {
    ...{ trustDomain: 'other', key, hosts: ['127.0.0.1'] },
    ...{ issuedAtMs: Date.now(), notAfterMs: Date.now() + hourMs, serial: Buffer.alloc(16, 1) },
  })
  const others = { cert: Buffer.from(certificatePem), key: Buffer.from(privateKeyPem) }
  const answered = async (tls: typeof stolen): Promise<LinkEvent> => {
    const impostor = await serveKds({
      ...{ address: '127.0.0.1', port: 0, identity: { version: 'test', instanceId: 'test' }, tls },
      onLink: () => {},
    })
    const link = dial('east', { at: `grpcs://127.0.0.1:${impostor.port}`, token: await token(zone('east')) })
    const first = await new Promise<LinkEvent>((resolve) => link.start(resolve))
    await link.close({ code: 'OK', reason: 'seen' })
    await impostor.close()
    return first
  }
  const closed = { type: 'closed', code: 'UNAVAILABLE' }
  expect(await answered(stolen)).toMatchObject({
    ...closed,
    reason: expect.stringContaining('unsuitable certificate purpose'),
  })
  expect(await answered(others)).toMatchObject({
    ...closed,
    reason: expect.stringContaining('who answers there is not spiffe://holdfast/global but spiffe://other/global'),
  })
})

test('replicas: whoever has not the key that is in the database gets no further than the handshake', async () => {
  const [row] = await byHand<{ address: string; key: Buffer }>(
    database.url,
    'select address, key from replicas, replica_key',
  )
  const { hostname: host, port } = new URL(`tcp://${row?.address}`)
  const asked = (key: Uint8Array): Promise<string> => {
    const client = new ReplicaClient({ host, port: Number(port), key })
    const question = Buffer.from(JSON.stringify({ question: 'sessions', body: null }))
    return client
      .ask(question, { timeoutMs: 10_000 })
      .then(
        () => 'answered',
        (error: Error) => error.message,
      )
      .finally(() => client.close())
  }
  const stranger = `who answers at ${host}:${port} is no replica of this database`
  expect([await asked(randomBytes(32)), await asked(row?.key as Buffer)]).toEqual([stranger, 'answered'])
  // As anybody else would try: without TLS, and with a certificate in place of the key.
  const ended = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      const said: Buffer[] = []
      socket.on('data', (bytes: Buffer) => said.push(bytes)).on('error', () => {})
      socket.once('close', () => resolve(Buffer.concat(said).subarray(0, 1).toString('hex')))
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    })
  const alert = '15'
  expect(['', alert]).toContain(await ended(connectTcp({ host, port: Number(port) })))
  expect(await ended(connectTls({ host, port: Number(port), rejectUnauthorized: false }))).toBe('')
})

test('certificates: only for the own name, only with a proof, and what the request wishes to be called counts for nothing', async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const tls = { rootCa: Buffer.from(authority.certificatePem), serverId: 'spiffe://holdfast/global' }
  const wish = { address: address(), version: 'test', tls, request: await requestCertificate('west', key) }
  await expect(certifyAt({ ...wish, zone: 'east' })).rejects.toMatchObject({ kind: 'unauthenticated' })
  await expect(certifyAt({ ...wish, zone: 'west', token: await token(zone('east')) })).rejects.toMatchObject({
    kind: 'forbidden',
  })
  const { certificate: got } = await certifyAt({ ...wish, zone: 'east', token: await token(zone('east')) })
  const shown = { cert: Buffer.from(got), key: Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })) }
  expect([
    await dialled('east', { tls: { certificate: shown } }),
    await dialled('west', { tls: { certificate: shown } }),
  ]).toEqual(['headers', 'PERMISSION_DENIED'])
  await expect(
    certifyAt({ ...wish, zone: 'east', request: Buffer.from('nope'), token: await token(zone('east')) }),
  ).rejects.toThrow(/cannot be read/)
})

test('no token and no key stands in the log, and no key in the database', async () => {
  expect(global.out).not.toContain('eyJ')
  expect(global.out).not.toContain('PRIVATE KEY')
  const [rows] = await byHand<{ sealed: string; open: string }>(
    database.url,
    `select count(*) filter (where key_id is not null) as sealed,
       count(*) filter (where position('PRIVATE KEY' in encode(spec, 'escape')) > 0) as open
     from resources where type = 'GlobalSecret' and not deleted`,
  )
  expect([Number(rows?.sealed) >= 6, Number(rows?.open)]).toEqual([true, 0])
})

test('a revoked zone: its streams end within a second, and so do those of a zone whose token is revoked', async () => {
  /** Opens a session, takes its proof away, and tells how long its streams live after that was confirmed. */
  const endsAfterMs = async (name: string, how: How, takeAway: () => Promise<unknown>): Promise<number> => {
    const link = dial(name, how)
    const events: LinkEvent[] = []
    link.start((event) => events.push(event))
    await until(`zone ${name} to be let in`, () => events.length > 0)
    expect(events[0]?.type).toBe('headers')
    await takeAway()
    const atMs = performance.now()
    await until(`the streams of zone ${name} to end`, () => events.at(-1)?.type === 'closed', {
      otherwise: () => `${JSON.stringify(events)}\n${global.out}`,
    })
    return performance.now() - atMs
  }
  const revoke = (name: string) => async () => {
    expect(await ask('POST', `${global.apiUrl}/_holdfast/zones/${name}/revoke`, {})).toMatchObject({ status: 200 })
  }
  const tookMs: number[] = []
  for (const name of ['north', 'south'])
    tookMs.push(await endsAfterMs(name, { tls: await certificate({ for: name }) }, revoke(name)))
  const shown = await token(zone('west'), { tokenId: 'gone-4' })
  tookMs.push(await endsAfterMs('west', { token: shown }, () => put('zone-token-revocations', 'gone-3,gone-4')))
  // One of them may have met a machine that had other things to do.
  expect(Math.min(...tookMs), tookMs.join()).toBeLessThan(1_000)
  expect(await dialled('north', { tls: await certificate({ for: 'north', issuedAtMs: Date.now() - 60_000 }) })).toBe(
    'UNAUTHENTICATED',
  )
})
