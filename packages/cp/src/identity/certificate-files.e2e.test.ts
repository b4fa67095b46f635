import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { certifyGlobal, createAuthority, fingerprintOf, type Pair } from '@holdfast/identity'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'

// Certificates that somebody else makes and renews: files, read again when they change, and nobody who is connected notices.
vi.setConfig({ testTimeout: 180_000 })
const processes = new Processes()
const databases: TestDatabase[] = []
const file = (name: string): string => join(processes.folder, name)
const database = async (): Promise<readonly string[]> => {
  const made = await freshDatabase()
  databases.push(made)
  return ['--database-url', made.url]
}
let global: Running
let old: Pair
let young: Pair
const zones: Record<string, { running: Running; readonly flags: readonly string[] }> = {}

const validity = () => ({
  issuedAtMs: Date.now(),
  notAfterMs: Date.now() + 3_600_000,
  serial: Buffer.concat([Buffer.from([1]), randomBytes(15)]),
})
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const authority = (): Promise<Pair> => createAuthority('acme', newKey(), validity())
const leafOf = (by: Pair): Promise<Pair> =>
  certifyGlobal(by, { trustDomain: 'acme', key: newKey(), hosts: ['127.0.0.1'], ...validity() })
/** Nobody reads half of it. */
const put = (name: string, text: string): void => {
  writeFileSync(file(`${name}.next`), text)
  renameSync(file(`${name}.next`), file(name))
}
const putLeaf = ({ certificatePem, privateKeyPem }: Pair): void => {
  put('key.pem', privateKeyPem)
  put('cert.pem', certificatePem)
}
const ports = (): readonly number[] => [global.ports.kds ?? 0, global.ports.apiTls ?? 0]

/** The certificate that a port shows to who believes an authority; or why it is not believed. */
const shown = (port: number, by: Pair): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(
      { host: '127.0.0.1', port, ca: by.certificatePem, ALPNProtocols: ['h2', 'http/1.1'] },
      () => {
        resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256)
        socket.destroy()
      },
    )
    socket.once('error', (error) => resolve(error.message))
  })
const isShown = async (leaf: Pair, by: Pair): Promise<boolean> => {
  const all = await Promise.all(ports().map((port) => shown(port, by)))
  return all.every((one) => one === fingerprintOf(leaf.certificatePem))
}
const ended = (): readonly string[] =>
  global.log().flatMap(({ msg, peer }) => (msg === 'session ended' ? [String(peer)] : []))
const told = (zone: string, words: string): number =>
  global.log().filter((line) => line.zone === zone && line.msg.startsWith(words)).length
const believes = 'a zone believes the authorities'
const differs = 'a zone does not believe all of the authorities'
const everybodyInStep = async (): Promise<void> => {
  for (const [name, { running }] of Object.entries(zones))
    await until(`${name} to be in step`, () => inStep(running), { otherwise: () => running.out })
}
/** Dials anew with what it has kept. */
const restarted = async (name: string): Promise<void> => {
  const zone = zones[name]
  if (zone === undefined) throw new Error(`there is no ${name}`)
  const before = ended().filter((peer) => peer === name).length
  await zone.running.signal('SIGTERM')
  zone.running = await processes.start('zone', zone.flags)
  await everybodyInStep()
  expect(ended().filter((peer) => peer === name).length).toBe(before + 1)
}

beforeAll(async () => {
  ;[old, young] = [await authority(), await authority()]
  putLeaf(await leafOf(old))
  put('ca.pem', old.certificatePem)
  const pair = (port: string): readonly string[] => [
    ...[`--${port}-tls-cert-file`, file('cert.pem'), `--${port}-tls-key-file`, file('key.pem')],
  ]
  global = await processes.start('global', [
    ...(await database()),
    ...['--init', '--kds-tls', 'on', ...pair('kds'), '--kds-tls-ca-file', file('ca.pem')],
    ...['--api-tls-address', '127.0.0.1', '--api-tls-port', '0', ...pair('api')],
  ])
  for (const name of ['east', 'west']) {
    const made = await processes.holdfastctl(['--url', global.apiUrl, 'zone', 'add', name, '--out', file(name)])
    expect(made).toMatchObject({ status: 0 })
  }
  const { token, addresses } = JSON.parse(readFileSync(file('west'), 'utf8')) as { token: string; addresses: string[] }
  put('west.token', token)
  put('west.ca', old.certificatePem)
  const proofs = {
    east: ['--join', file('east')],
    // As a zone that was told where everything is.
    west: [
      ...['--zone', 'west', '--global-address', addresses[0] ?? ''],
      ...['--global-ca-file', file('west.ca'), '--zone-token-file', file('west.token')],
    ],
  }
  for (const [name, proof] of Object.entries(proofs)) {
    const flags = [...proof, ...(await database()), '--data-dir', file(`${name}-data`)]
    zones[name] = { running: await processes.start('zone', flags), flags }
  }
  await everybodyInStep()
}, 180_000)
afterAll(async () => {
  await processes.close()
  for (const made of databases) await made.drop()
})

test('F29: a new leaf is shown on every port a second later, and no session ends; one that is of another key is told and not taken', async () => {
  const leaf = await leafOf(old)
  putLeaf(leaf)
  await until('the new leaf to be shown', () => isShown(leaf, old), { otherwise: () => global.out })
  put('cert.pem', (await leafOf(old)).certificatePem)
  const refused = () => global.log().filter(({ msg }) => msg.startsWith('the new certificate is not taken'))
  const ofBoth = () => new Set(refused().map(({ what }) => what)).size === 2
  await until('both ports to say that it is not taken', ofBoth, { otherwise: () => global.out })
  expect(JSON.stringify(refused().at(-1))).toContain('is not the key of the certificate in')
  expect(await isShown(leaf, old)).toBe(true)
  put('cert.pem', leaf.certificatePem)
  expect(ended()).toEqual([])
})

test('F30: an authority of files: old, both, new; who is connected is told, no session ends, and who dials anew after each step is let in', async () => {
  const { east, west } = zones
  await putService(east?.running as Running, 'web')
  await until('west to know it', async () => 'east/web' in (await vipsOf(west?.running as Running)))
  const before = await vipsOf(west?.running as Running)

  put('ca.pem', 'nothing that could be believed')
  const unread = 'the authorities that zones have to believe cannot be read'
  await until('that to be told', () => global.logged(unread), { otherwise: () => global.out })
  put('ca.pem', `${old.certificatePem}${young.certificatePem}`)
  await until('east to believe both', () => told('east', believes) === 1, { otherwise: () => global.out })
  // Its own file says otherwise, and only who keeps that can mend it.
  await until('west to be named', () => told('west', differs) === 1, { otherwise: () => global.out })
  put('west.ca', `${old.certificatePem}${young.certificatePem}`)

  const leaf = await leafOf(young)
  putLeaf(leaf)
  await until('what the new one has signed to be shown', () => isShown(leaf, young), { otherwise: () => global.out })
  expect(ended()).toEqual([])
  for (const name of ['east', 'west']) await restarted(name)

  put('ca.pem', young.certificatePem)
  put('west.ca', young.certificatePem)
  const knows = () => told('east', believes) === 2 && told('west', believes) === 1
  await until('both to believe the new one', knows, { otherwise: () => global.out })
  expect([...ended()].sort()).toEqual(['east', 'west'])
  for (const name of ['east', 'west']) await restarted(name)
  expect(await vipsOf(west?.running as Running)).toEqual(before)
})
