import { expect, test } from 'vitest'
import { type LegacyPolicy, legacyFindings } from './legacy-policies.js'

const match = (tags: Readonly<Record<string, string>>) => [{ match: tags }]
const web = match({ 'kuma.io/service': 'web' })
const problems = (type: string, policy: LegacyPolicy) =>
  [...legacyFindings(type, policy)]
    .filter(({ level }) => level !== 'warning')
    .map(({ path, message }) => [path, message])

test.each<readonly [string, LegacyPolicy]>([
  ['TrafficPermission', { sources: match({ team: 'a' }), destinations: match({ 'kuma.io/service': '*' }) }],
  ['TrafficRoute', { sources: web, destinations: web, conf: {} }],
  ['TrafficTrace', { selectors: match({ 'kuma.io/service': 'a/b:c' }) }],
  ['ProxyTemplate', { selectors: [] }],
  ['MeshGateway', { selectors: web }],
])('a %s that says whom it is about is taken, with a word on who judges the rest', (type, policy) => {
  expect(problems(type, policy)).toEqual([])
  expect([...legacyFindings(type, policy)].map(({ level }) => level)).toEqual(['warning'])
})

test.each<readonly [string, LegacyPolicy, readonly (readonly [string, string])[]]>([
  [
    'TrafficPermission',
    { sources: [], destinations: match({}) },
    [
      ['sources', 'must have at least one element'],
      ['destinations[0].match', 'must have at least one tag'],
    ],
  ],
  [
    'TrafficRoute',
    { sources: match({ team: 'a' }), destinations: match({ team: 'a' }) },
    [
      ['sources[0].match', 'mandatory tag "kuma.io/service" is missing'],
      ['destinations[0].match', 'must consist of exactly one tag "kuma.io/service"'],
      ['destinations[0].match["team"]', 'tag "team" is not allowed'],
      ['destinations[0].match', 'mandatory tag "kuma.io/service" is missing'],
      ['conf', 'cannot be empty'],
    ],
  ],
  [
    'VirtualOutbound',
    { selectors: match({ 'a b': '', c: 'd e' }) },
    [
      [
        'selectors[0].match["a b"]',
        'tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores',
      ],
      ['selectors[0].match["a b"]', 'tag value must be non-empty'],
      [
        'selectors[0].match["c"]',
        'tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores or be "*"',
      ],
    ],
  ],
  ['Timeout', { sources: web, destinations: web }, [['conf', 'has to be defined']]],
  ['MeshGatewayRoute', { selectors: web }, [['conf', 'cannot be empty']]],
])('of a %s everything that is wrong with whom it is about is told', (type, policy, expected) => {
  expect(problems(type, policy)).toEqual(expected)
})
