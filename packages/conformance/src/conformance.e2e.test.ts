import type { KumaResourceParts } from '@holdfast/model'
import { type FakeKumaGlobal, startFakeKumaGlobal } from '@holdfast/testkit'
import { afterEach, expect, test } from 'vitest'
import { isConformant, junit, type Report, runConformance } from './index.js'

// The checks against the fake of a Kuma global: it keeps every rule, and whatever rule it is made to break is found broken.

const started: FakeKumaGlobal[] = []
afterEach(async () => {
  for (const fake of started.splice(0)) await fake.close()
})

const mesh: KumaResourceParts = {
  name: 'default',
  mesh: '',
  labels: { 'kuma.io/origin': 'global' },
  typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh',
  spec: new Uint8Array(),
}
const generator: KumaResourceParts = {
  name: 'synced-universal-mesh-service-46484vczc724vc29',
  mesh: '',
  labels: { 'kuma.io/display-name': 'synced-universal-mesh-service', 'kuma.io/origin': 'global' },
  typeUrl: '',
  spec: Buffer.from('{"selector":{"meshService":{}},"template":"{{ .DisplayName }}.mesh"}'),
}

async function peer(options: Parameters<typeof startFakeKumaGlobal>[0] = {}): Promise<FakeKumaGlobal> {
  const fake = await startFakeKumaGlobal(options)
  started.push(fake)
  fake.put('Mesh', mesh)
  fake.put('HostnameGenerator', generator)
  return fake
}

/** Of a peer in this very process: who is late here would be late anywhere. */
const patience = { withinMs: 2_000, quietMs: 400 }
const check = ({ port }: { readonly port: number }, more: Partial<typeof patience> = {}): Promise<Report> =>
  runConformance({ peer: `grpc://127.0.0.1:${port}`, version: '2.14.3', patience: { ...patience, ...more } })

/** What was found of each peer, for the golden file. */
const told = new Map<string, string>()
/** Of a peer with a flaw only what is not kept: the rest is that of a stock one. How long it goes on is a matter of time. */
function tell(what: string, { findings: all }: Report): void {
  const findings = told.size === 0 ? all : all.filter(({ id, outcome }) => outcome !== 'kept' && id !== 'quiet')
  const lines = findings.map(
    ({ id, level, outcome, rule, evidence }) => `${outcome} (${level}) ${id}: ${rule}\n  ${evidence}`,
  )
  // How long it took, and what is called otherwise every time, are of no matter.
  const settled = lines
    .join('\n')
    .replace(/\d+(?= ms| more (?:times|responses))|(?<=version )\d+(?=-)/g, 'N')
    .replace(/(conformance)-[0-9a-f]{6}/g, '$1-ZONE')
  told.set(what, `# ${what}\n${settled.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')}\n`)
}
const broken = ({ findings }: Report): readonly string[] =>
  findings.flatMap(({ id, outcome }) => (outcome === 'broken' ? [id] : []))

test('a stock Kuma global keeps every rule that can be seen without writing', async () => {
  const fake = await peer()
  const report = await check(fake)
  tell('a stock Kuma global', report)
  expect(broken(report)).toEqual([])
  expect(isConformant(report)).toBe(true)
  const undecided = report.findings.flatMap(({ id, outcome }) => (outcome === 'undecided' ? [id] : []))
  expect(undecided).toEqual(['status', 'secrets', 'config'])
  expect(report.findings.find(({ id }) => id === 'answers-each')?.evidence).toMatch(/^45 types, 43 of them empty/)
  expect(fake.faults()).toEqual([])
  expect(report.zones).toEqual([expect.stringMatching(/^conformance-[0-9a-f]{6}$/)])
})

test('what is wrong with resources is found, by name', async () => {
  const fake = await peer()
  const wrong = (name: string, more: Partial<KumaResourceParts>): KumaResourceParts => ({ ...generator, name, ...more })
  fake.put('HostnameGenerator', wrong('unhashed', {}))
  fake.put('HostnameGenerator', wrong('zone-made', { labels: { ...generator.labels, 'kuma.io/origin': 'zone' } }))
  fake.put('GlobalSecret', {
    name: 'inter-cp-ca',
    mesh: '',
    labels: { 'kuma.io/origin': 'global' },
    typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Secret',
    spec: new Uint8Array(),
  })
  fake.put('Config', {
    name: 'cp-catalog',
    mesh: '',
    labels: { 'kuma.io/origin': 'global' },
    typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Config',
    spec: new Uint8Array(),
  })
  fake.put('MeshService', {
    name: 'web-d8466458x7574b7b',
    mesh: 'default',
    labels: { 'kuma.io/display-name': 'web', 'kuma.io/origin': 'global' },
    typeUrl: '',
    spec: Buffer.from('no'),
    status: Buffer.from('{"vips":[{"ip":"241.0.0.1"}]}'),
  })
  const report = await check(fake)
  tell('wrong resources', report)
  expect(broken(report)).toEqual(['specs', 'origin', 'names', 'status', 'secrets', 'config'])
  expect(report.findings.find(({ id }) => id === 'status')?.evidence).toBe(
    'MeshService web-d8466458x7574b7b.default has status {"vips":[{"ip":"241.0.0.1"}]}',
  )
})

test.each([
  ['an answer is withheld', { withholds: ['MeshTimeout'] }, ['answers-each', 'reconnect']],
  ['an unknown type gets no answer', { ignoresUnknown: true }, ['unknown-type']],
  ['nonces repeat', { nonce: (): string => '1' }, ['nonces']],
  ['nonces are left out, so that nothing can be refused', { nonce: (): string => '' }, ['nonces', 'nack']],
  ['what was refused comes again at once', { resendsRefused: true }, ['nack']],
  [
    'versions change with every stream',
    { version: (hash: string, stream: number) => `${stream}-${hash}` },
    ['version', 'stable-versions', 'initial-versions'],
  ],
  ['nobody has to say who it is', { nameless: true }, ['client-id']],
] as const)('%s', async (what, flaw, ids) => {
  const report = await check(await peer({ flaws: flaw }))
  tell(what, report)
  expect(broken(report)).toEqual(ids)
})

test('nobody there is one finding, not a list of them, and nobody is waited for', async () => {
  const fake = await startFakeKumaGlobal()
  await fake.close()
  const report = await check(fake, { withinMs: 60_000 })
  tell('nobody', report)
  expect(report.findings.map(({ id, outcome }) => [id, outcome])).toEqual([['connect', 'broken']])
  await expect(runConformance({ peer: 'http://x', version: '2.14.3' })).rejects.toThrow(/must be grpc or grpcs/)
})

test('JUnit has a case for each rule, and escapes what a peer says', () => {
  const report: Report = {
    peer: 'grpc://h:1',
    zones: [],
    tookMs: 1234,
    findings: [
      { id: 'a', rule: 'r', level: 'must', outcome: 'kept', evidence: 'fine' },
      { id: 'b', rule: 'r', level: 'should', outcome: 'broken', evidence: '<x> & "y"\u0001' },
      { id: 'c', rule: 'r', level: 'must', outcome: 'undecided', evidence: 'nothing' },
    ],
  }
  expect(junit(report)).toBeGolden('junit.xml')
})

test('all that was found stands in a file that a person has read', () => {
  expect([...told.values()].join('\n')).toBeGolden('report.txt')
})
