import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { allTypes } from '../type-table.js'
import { isPluginPolicy } from '../types.js'
import { isProducer, policyRoleOf } from './policy-role.js'

const both = { hasTo: true, hasFrom: true }
const spec = (value: object): Uint8Array => utf8(JSON.stringify(value))
const to = (...refs: readonly object[]) => ({ to: refs.map((targetRef) => ({ targetRef, default: {} })) })
const from = { from: [{ targetRef: { kind: 'Mesh' }, default: {} }] }
const beside = { kind: 'MeshService', name: 'web' }

test.each([
  ['nothing', {}, 'workload-owner'],
  ['only what comes in', from, 'workload-owner'],
  ['no destination', { to: [] }, 'workload-owner'],
  ['a service beside it', to(beside), 'producer'],
  ['a service beside it, said so', to({ ...beside, namespace: 'shop' }), 'producer'],
  ['one section of it', to({ ...beside, sectionName: 'http' }), 'producer'],
  ['a route beside it', to({ kind: 'MeshHTTPRoute', name: 'to-web' }), 'producer'],
  ['two services beside it', to(beside, { ...beside, name: 'api' }), 'producer'],
  ['a service elsewhere', to({ ...beside, namespace: 'bank' }), 'consumer'],
  ['services by label', to({ kind: 'MeshService', labels: { app: 'web' } }), 'consumer'],
  ['a service without a name', to({ kind: 'MeshService', name: '' }), 'consumer'],
  ['everything', to({ kind: 'Mesh' }), 'consumer'],
  ['a multi-zone service', to({ kind: 'MeshMultiZoneService', name: 'web' }), 'consumer'],
  ['a service beside it and one elsewhere', to(beside, { kind: 'Mesh' }), undefined],
  ['what comes in and what goes out', { ...to(beside), ...from }, undefined],
  ['a destination that is none', { to: ['web'] }, 'consumer'],
] as const)('in a namespace the role of a policy with %s', (_, value, role) => {
  expect(policyRoleOf(both, spec(value), 'shop')).toBe(role)
  expect(policyRoleOf(both, spec(value), '')).toBe('system')
})

test('a list that its kind does not have is not looked at', () => {
  expect(policyRoleOf({ hasTo: false, hasFrom: true }, spec(to(beside)), 'shop')).toBe('workload-owner')
  expect(policyRoleOf({ hasTo: true, hasFrom: false }, spec({ ...to(beside), ...from }), 'shop')).toBe('producer')
})

const labels = { 'kuma.io/policy-role': 'producer', 'k8s.kuma.io/namespace': 'shop' }

test('a producer says so, and is one; either alone is not believed', () => {
  const isOne = (given: Readonly<Record<string, string>>, value: object) =>
    isProducer(both, { labels: given, spec: spec(value) })
  expect(isOne(labels, to(beside))).toBe(true)
  expect(isOne(labels, to({ kind: 'Mesh' }))).toBe(false)
  expect(isOne({ ...labels, 'kuma.io/policy-role': 'consumer' }, to(beside))).toBe(false)
  expect(isOne({ 'k8s.kuma.io/namespace': 'shop' }, to(beside))).toBe(false)
  expect(isOne({ 'kuma.io/policy-role': 'producer' }, to(beside))).toBe(false)
  expect(isProducer(both, { labels, spec: utf8('no json') })).toBe(false)
})

test('every kind of policy that has destinations can have producers, and no other', () => {
  const can = allTypes.filter(
    (type) => type.policy !== undefined && isProducer(type.policy, { labels, spec: spec(to(beside)) }),
  )
  expect(can.map(({ name }) => name)).toEqual(
    allTypes.filter((type) => isPluginPolicy(type) && type.policy?.hasTo === true).map(({ name }) => name),
  )
  expect(can.length).toBeGreaterThan(5)
})
