import { expect, test } from 'vitest'
import { agoText, sinceText } from './age.js'
import { explainedOf, ledgerOf, questionOf, servicesOf } from './ledger.js'
import { overviewOf } from './overview.js'
import { pictureOf, summaryOf } from './picture.js'
import { attentionOf, blocksOf, changesOf, peersOf, titleOf } from './sections.js'
import { type Tree, textOf } from './tree.js'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const channel = { channel: 'x', phase: 'steady', inStep: true, lagSeconds: 0, provenEqualSecondsAgo: 5 }
const overview = overviewOf({
  ...{ controlPlane: 'global', mode: 'global', version: '1.0', state: 'ready', reasons: [], resources: 16 },
  ...{ head: { epoch: 'e', revision: '42' }, pendingVips: 0 },
  peers: [
    { peer: 'east', connected: true, since: '2026-03-01T10:00:00Z', channels: [channel] },
    { peer: 'west', connected: false, since: '2026-03-01T11:59:00Z', lastError: 'reset by peer', channels: [] },
  ],
  blocks: [
    { cidr: '241.0.0.0/20', kind: 'MeshService', zone: 'east', used: 12, load: 0.95 },
    { cidr: 'fd40::/64', kind: 'MeshService', zone: 'east', used: 12, load: 0 },
  ],
  attention: [{ what: 'zone west is not connected', since: '2026-03-01T11:59:00Z', next: 'look at zone west' }],
})
const all = (trees: readonly Tree[]): string => trees.map(textOf).join(' ')
const withTag = (node: Tree | string, tag: string): readonly Tree[] =>
  typeof node === 'string'
    ? []
    : [...(node.tag === tag ? [node] : []), ...(node.children ?? []).flatMap((each) => withTag(each, tag))]

test('the title says who, how, and that something waits', () => {
  expect(all(titleOf(overview))).toContain('1 in step')
  expect(all(titleOf(overview))).toContain('1 thing waits for somebody')
  expect(all(titleOf(overviewOf({ controlPlane: 'east', mode: 'standalone' })))).toContain(
    'zone east (without a global)',
  )
})

test('what waits is told with its age and the next act; nothing on a quiet day', () => {
  expect(all(attentionOf(overview, nowMs))).toContain('zone west is not connected (for 1m) next:  look at zone west')
  expect(attentionOf(overviewOf({}), nowMs)).toEqual([])
})

test('peers, with what was heard last of the one that is gone', () => {
  const text = all(peersOf(overview, nowMs))
  expect(text).toContain('east in step 2h 0 s 5s ago')
  expect(text).toContain('west not connected gone 1m')
  expect(text).toContain('reset by peer')
})

test('a full block is marked; IPv6 is never full and is left out', () => {
  const [, blocks] = blocksOf(overview)
  expect(blocks === undefined ? [] : withTag(blocks, 'rect').map((bar) => bar.attributes?.class)).toEqual(['bad'])
})

test('the picture: a line and a node for each peer, coloured by how it stands, and words for who listens', () => {
  const picture = pictureOf(overview)
  expect(withTag(picture, 'line').map((line) => line.attributes?.class)).toEqual([
    'link stroke-good',
    'link stroke-away',
  ])
  expect(withTag(picture, 'ellipse')).toHaveLength(3)
  expect(picture.attributes?.['aria-label']).toBe('global and 2 peers: 1 not connected, 1 in step')
  expect(summaryOf([])).toBe('none')
})

test('of a thousand zones the picture shows the worst', () => {
  const peers = Array.from({ length: 1_000 }, (_, i) => ({ peer: `z${i}`, connected: i !== 777, channels: [channel] }))
  const picture = pictureOf(overviewOf({ peers }))
  expect(withTag(picture, 'line')).toHaveLength(24)
  expect(textOf(picture)).toContain('z777')
  expect(textOf(picture)).toContain('and 976 more')
})

const row = (name: string, address: string, more: object = {}) => ({
  ...{ kind: 'MeshService', mesh: 'default', zone: 'east', namespace: '', name, address, state: 'active' },
  ...more,
})

test('a service has one line with all its addresses', () => {
  const services = servicesOf({ items: [row('web', 'fd40::1'), row('web', '241.0.0.1'), row('db', '241.0.0.2')] })
  expect(services.map(({ name, addresses }) => [name, addresses])).toEqual([
    ['web', ['fd40::1', '241.0.0.1']],
    ['db', ['241.0.0.2']],
  ])
  expect(all(ledgerOf(services, true))).toContain('web default east 241.0.0.1 fd40::1 active')
  expect(all(ledgerOf(services, true))).toContain('the first 2')
  expect(all(ledgerOf([], false))).toContain('no service has or had')
})

test('the same name in another zone, mesh or namespace is another service', () => {
  const others = [{ zone: 'west' }, { zone: null }, { mesh: 'b' }, { namespace: 'n' }, { kind: 'MeshExternalService' }]
  expect(servicesOf({ items: [row('web', '1'), ...others.map((more) => row('web', '2', more))] })).toHaveLength(6)
})

test.each([
  ['', ''],
  ['  web ', '&deleted=true&name=web'],
  ['a&b=c', '&deleted=true&name=a%26b%3Dc'],
  ['241.0.0.1', '&deleted=true&address=241.0.0.1'],
  ['fd40::1', '&deleted=true&address=fd40%3A%3A1'],
])('%j asks the ledger for %j', (typed, question) => {
  expect(questionOf(typed)).toBe(question)
})

test('an explanation, and changes, as they were told', () => {
  const explained = explainedOf(
    {
      matches: [
        {
          ...{ owner: row('web', ''), state: 'active', because: ['first choice by hash'] },
          history: [{ at: '2026-03-01T11:00:00Z', event: 'allocated', address: '241.0.0.1', why: 'created' }],
        },
      ],
    },
    nowMs,
  )
  expect(all(explained)).toBe(
    'MeshService web of east: active first choice by hash ago what address why 1h allocated 241.0.0.1 created',
  )
  expect(
    all(changesOf({ items: [{ at: '2026-03-01T11:59:18Z', actor: 'ann', action: 'deleted', subject: 'web' }] }, nowMs)),
  ).toContain('42s ann deleted web')
  expect(changesOf(undefined, nowMs)).toEqual([])
})

test.each([
  [-3, '0s'],
  [59.9, '59s'],
  [60, '1m'],
  [86_399, '23h'],
  [86_400 * 12, '12d'],
])('%d seconds are %s', (seconds, text) => {
  expect(agoText(seconds)).toBe(text)
})

test('what is no time has no age', () => {
  expect([sinceText(null, nowMs), sinceText('soon', nowMs)]).toEqual(['', ''])
})
