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
