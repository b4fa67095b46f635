import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hex } from './bytes.js'
import {
  canonicalLabels,
  computedLabels,
  exportLabels,
  labelKeyProblems,
  labelValueProblems,
  labelViolations,
  sortedLabels,
} from './labels.js'
import { typeOf } from './types.js'

const qualified =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const value =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

test('what is exported has neither origin nor grace period nor skipped prefixes', () => {
  const labels = {
    'kuma.io/origin': 'zone',
    'kuma.io/deletion-grace-period-started-at': '2026-01-01',
    'internal.example/team': 'a',
    'kuma.io/zone': 'east',
    app: 'web',
  }
  expect(exportLabels(labels, { skipPrefixes: ['internal.example/'] })).toEqual({ 'kuma.io/zone': 'east', app: 'web' })
  expect(exportLabels(labels)).toEqual({ 'internal.example/team': 'a', 'kuma.io/zone': 'east', app: 'web' })
})

test('canonical labels: sorted by bytes, each text with its length', () => {
  expect(hex(canonicalLabels({}))).toBe('')
  expect(hex(canonicalLabels({ b: '', a: 'xy' }))).toBe('0000000161' + '000000027879' + '0000000162' + '00000000')
  // As text 9 comes before 10, as a JavaScript key too; as bytes it does not.
  expect(sortedLabels({ 9: 'nine', 10: 'ten', z: 'last', é: 'after z' })).toEqual([
    ['10', 'ten'],
    ['9', 'nine'],
    ['z', 'last'],
    ['é', 'after z'],
  ])
})

test('canonical labels differ exactly when the labels do, whatever the order they were written in', () => {
  const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([key]) => key, maxLength: 6 })
  fc.assert(
    fc.property(entries, entries, (a, b) => {
      const bytes = hex(canonicalLabels(Object.fromEntries(a)))
      expect(hex(canonicalLabels(Object.fromEntries([...a].reverse())))).toBe(bytes)
      const same = JSON.stringify([...a].sort()) === JSON.stringify([...b].sort())
      expect(hex(canonicalLabels(Object.fromEntries(b))) === bytes).toBe(same)
    }),
  )
})

const service = typeOf('MeshService')

test('a service written in a zone', () => {
  expect(computedLabels(service, 'default', 'web', 'zone', 'east', { app: 'web', 'kuma.io/origin': 'zone' })).toEqual({
    app: 'web',
    'kuma.io/display-name': 'web',
    'kuma.io/env': 'universal',
    'kuma.io/mesh': 'default',
    'kuma.io/zone': 'east',
  })
})

test('what was given stays, but a zone speaks for itself', () => {
  const given = {
    'kuma.io/display-name': 'frontend',
    'kuma.io/env': 'kubernetes',
    'kuma.io/mesh': 'default',
    'kuma.io/zone': 'west',
  }
  expect(computedLabels(service, 'default', 'web', 'zone', 'east', given)).toEqual({ ...given, 'kuma.io/zone': 'east' })
})

test('in a namespace the display name is the name without it', () => {
  expect(computedLabels(service, 'default', 'web.shop', 'zone', 'east', { 'k8s.kuma.io/namespace': 'shop' })).toEqual({
    'k8s.kuma.io/namespace': 'shop',
    'kuma.io/display-name': 'web',
    'kuma.io/env': 'universal',
    'kuma.io/mesh': 'default',
    'kuma.io/zone': 'east',
  })
  expect(
    computedLabels(service, 'default', 'web', 'zone', 'east', { 'k8s.kuma.io/namespace': 'default' })[
      'kuma.io/display-name'
    ],
  ).toBe('web')
})

test('on global: mesh and display name, and nothing for types that keep their name', () => {
  expect(
    computedLabels(typeOf('MeshTimeout'), 'default', 'slow', 'global', '', { 'kuma.io/origin': 'global' }),
  ).toEqual({
    'kuma.io/display-name': 'slow',
    'kuma.io/mesh': 'default',
  })
  expect(computedLabels(typeOf('HostnameGenerator'), '', 'g', 'global', '', {})).toEqual({
    'kuma.io/display-name': 'g',
  })
  expect(computedLabels(typeOf('Mesh'), '', 'default', 'global', '', { team: 'a' })).toEqual({ team: 'a' })
  expect(computedLabels(typeOf('Secret'), 'default', 's', 'global', '', {})).toEqual({ 'kuma.io/mesh': 'default' })
})

test('what a spec implies is set or taken away', () => {
  const given = { 'kuma.io/proxy-type': 'wrong', 'kuma.io/listener-zoneingress': 'enabled' }
  const implied = { 'kuma.io/proxy-type': 'sidecar', 'kuma.io/listener-zoneingress': undefined }
  expect(computedLabels(typeOf('Dataplane'), 'default', 'dp', 'zone', 'east', given, implied)).toEqual({
    'kuma.io/display-name': 'dp',
    'kuma.io/env': 'universal',
    'kuma.io/mesh': 'default',
    'kuma.io/proxy-type': 'sidecar',
    'kuma.io/zone': 'east',
  })
})

test('labels computed twice are labels computed once', () => {
  const labels = fc.dictionary(
    fc.constantFrom('app', 'kuma.io/display-name', 'kuma.io/env', 'kuma.io/zone'),
    fc.string(),
  )
  fc.assert(
    fc.property(labels, (given) => {
      const once = computedLabels(service, 'default', 'web', 'zone', 'east', given)
      expect(computedLabels(service, 'default', 'web', 'zone', 'east', once)).toEqual(once)
    }),
  )
})

test.each([
  ['app', []],
  ['kuma.io/zone', []],
  ['bad key!', [`name part ${qualified}`]],
  ['', ['name part must be non-empty', `name part ${qualified}`]],
  ['/app', ['prefix part must be non-empty']],
  ['Kuma_/app', [`prefix part ${subdomain}`]],
  ['kuma.io/', ['name part must be non-empty', `name part ${qualified}`]],
  ['a'.repeat(64), ['name part must be no more than 63 bytes']],
  [
    'a/b/c',
    [`a qualified name ${qualified} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`],
  ],
])('label key %j', (key, reasons) => {
  expect(labelKeyProblems(key)).toEqual(reasons)
})

test.each([
  ['', []],
  ['My_value.1', []],
  ['bad value!', [value]],
  ['-a', [value]],
  ['a'.repeat(64), ['must be no more than 63 bytes']],
])('label value %j', (text, reasons) => {
  expect(labelValueProblems(text)).toEqual(reasons)
})

test('all that is wrong is said at once, by path', () => {
  expect(labelViolations({ 'bad key!': 'a', k: 'bad value!' })).toEqual([
    { path: 'labels["bad key!"]', message: `name part ${qualified}` },
    { path: 'labels["k"]', message: value },
  ])
})
