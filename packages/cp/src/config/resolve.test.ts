import { expect, test } from 'vitest'
import { maskUrl, resolveSettings } from './resolve.js'

const settle = (flags: Record<string, unknown>, env: Record<string, string> = {}, yaml?: string) =>
  resolveSettings({
    command: 'zone',
    flags,
    env,
    ...(yaml === undefined ? {} : { file: { path: 'z.yaml', text: yaml } }),
  })

test('flags win over environment, environment over file, file over defaults', () => {
  const resolved = settle(
    { zone: 'east' },
    { HOLDFAST_ZONE: 'west', HOLDFAST_API_PORT: '7000' },
    'apiPort: 6000\ndataDir: /tmp/x\n',
  )
  if (!('settings' in resolved)) throw new Error(JSON.stringify(resolved))
  const { settings, sources } = resolved
  expect([settings.zone, settings.apiPort, settings.dataDir, settings.diagnosticsPort]).toEqual([
    'east',
    7000,
    '/tmp/x',
    5680,
  ])
  expect([sources.zone, sources.apiPort, sources.dataDir, sources.diagnosticsPort]).toEqual([
    'flag',
    'environment',
    'file z.yaml',
    'default',
  ])
})

test('all problems are told at once, each with its key and its source', () => {
  const problems = settle(
    { zone: 'East!', apiPort: '70000' },
    {
      HOLDFAST_GLOBAL_ADDRESS: 'http://x',
      HOLDFAST_API_ADDRESS: '0.0.0.0',
      HOLDFAST_DATABASE_URL: 'mysql://u:secret@h/d',
    },
    'logLevel: loud\nnoSuchThing: 1\n',
  )
  expect('settings' in problems).toBe(false)
  const told = (problems as readonly { key: string; source: string; message: string }[]).map(
    (p) => `${p.key} (${p.source})`,
  )
  expect(told.sort()).toEqual(
    [
      '--api-address (environment)',
      '--api-port (flag)',
      '--zone (flag)',
      'HOLDFAST_DATABASE_URL (environment)',
      'HOLDFAST_GLOBAL_ADDRESS (environment)',
      'logLevel (file z.yaml)',
      'noSuchThing (file z.yaml)',
    ].sort(),
  )
  expect(JSON.stringify(problems)).not.toContain('secret')
})

test('a broken file is named with line and column', () => {
  const problems = settle({ zone: 'east' }, {}, 'a: [1\nb: 2') as readonly { source: string }[]
  expect(problems[0]?.source).toMatch(/^z\.yaml:\d+:\d+$/)
})

test('a zone without a name is told how to get one', () => {
  expect(settle({})).toEqual([
    { key: '--zone', source: 'nowhere', message: 'is required (name of this zone); set --zone or HOLDFAST_ZONE' },
  ])
})

test.each([
  ['postgres://u:p@h:5432/d', 'postgres://u:*****@h:5432/d'],
  ['postgres://u@h/d?password=p&x=1', 'postgres://u@h/d?password=*****&x=1'],
])('the password of %s is never shown', (url, masked) => {
  expect(maskUrl(url)).toBe(masked)
})

const thresholdsOf = (resolved: ReturnType<typeof settle>) =>
  'settings' in resolved ? resolved.settings.holdThresholds : resolved.map(({ key, message }) => `${key}: ${message}`)

test('HOLD: thresholds by type, as a flag, a variable or a mapping in the file', () => {
  const east = { zone: 'east' }
  const want = { MeshService: { count: 50, share: 0.3 }, default: { count: 5, share: 0 } }
  expect(thresholdsOf(settle(east))).toEqual({})
  expect(thresholdsOf(settle({ ...east, holdThresholds: 'MeshService=50/30%, default=5/0%' }))).toEqual(want)
  expect(thresholdsOf(settle(east, { HOLDFAST_HOLD_THRESHOLD: 'MeshService=50/30%,default=5/0%' }))).toEqual(want)
  const yaml = 'holdThresholds: {MeshService: {count: 50, share: 0.3}, default: {count: 5, share: 0}}\n'
  expect(thresholdsOf(settle(east, {}, yaml))).toEqual(want)
})

test('HOLD: everything that is wrong with thresholds is told at once', () => {
  const told = (flag: string) => thresholdsOf(settle({ zone: 'east', holdThresholds: flag }))
  expect(told('Mesh=1/1%,Service=1/1%,MeshService=5,MeshTimeout=1/150%')).toEqual([
    expect.stringContaining(
      '--hold-threshold: must be TYPE=COUNT/SHARE%, for example MeshService=50/30%, not "MeshService=5"',
    ),
    expect.stringContaining('--hold-threshold: Mesh has no threshold: a mesh that is absent is always held'),
    expect.stringContaining('--hold-threshold: "Service" is no type of resource, nor "default"'),
    expect.stringContaining('--hold-threshold: MeshTimeout.share must be between 0 and 1'),
  ])
  const yaml = 'holdThresholds: {MeshService: {count: -1, share: x, extra: 1}, Nope: 3}\n'
  expect(thresholdsOf(settle({ zone: 'east' }, {}, yaml))).toEqual([
    expect.stringMatching(/^holdThresholds: MeshService.count must be 0 or more/),
    expect.stringMatching(/^holdThresholds: MeshService.share must be a share/),
    expect.stringMatching(/^holdThresholds: MeshService Unrecognized key: "extra"/),
    expect.stringMatching(/^holdThresholds: "Nope" is no type/),
    expect.stringMatching(/^holdThresholds: Nope Invalid input/),
  ])
  expect(thresholdsOf(settle({ zone: 'east' }, {}, 'holdThresholds: 5\n'))).toEqual([
    expect.stringContaining('must be a mapping of types'),
  ])
})

test('addresses of global: a list in the file, commas in the environment; every one that is none is named', () => {
  const zone = { command: 'zone', flags: { zone: 'east' } } as const
  const listed = resolveSettings({
    ...zone,
    env: {},
    file: { path: 'east.yaml', text: 'globalAddresses: [grpc://a:5685, "grpcs://[::1]:5685"]' },
  })
  expect('settings' in listed && listed.settings.globalAddresses).toEqual(['grpc://a:5685', 'grpcs://[::1]:5685'])
  const joined = resolveSettings({ ...zone, env: { HOLDFAST_GLOBAL_ADDRESS: 'grpc://a:1, grpc://b:2' } })
  expect('settings' in joined && joined.settings.globalAddresses).toEqual(['grpc://a:1', 'grpc://b:2'])
  const wrong = resolveSettings({ ...zone, env: { HOLDFAST_GLOBAL_ADDRESS: 'a:1,grpc://b,http://c:1,grpc://d:1' } })
  expect('settings' in wrong ? [] : wrong.map(({ key, message }) => [key, message.replace(/, got .*/, '')])).toEqual(
    Array(3).fill(['HOLDFAST_GLOBAL_ADDRESS', 'must be grpc://HOST:PORT or grpcs://HOST:PORT']),
  )
})
