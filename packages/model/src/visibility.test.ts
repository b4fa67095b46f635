import { expect, test } from 'vitest'
import { utf8 } from './bytes.js'
import { type Audience, globalOrigin } from './resource.js'
import { allTypes } from './type-table.js'
import { isPluginPolicy, typeOf } from './types.js'
import { audienceAt, audienceOf, downTypes, isVisibleTo, upTypes } from './visibility.js'

test.each([
  ['MeshService', {}, 'web', 'east', 'all'],
  ['MeshService', { 'kuma.io/kds-sync': 'disabled' }, 'web', 'east', 'none'],
  ['MeshService', { 'kuma.io/kds-sync': 'enabled' }, 'web', 'east', 'all'],
  ['Mesh', {}, 'default', globalOrigin, 'all'],
  ['Config', {}, 'kuma-cluster-id', globalOrigin, 'all'],
  ['Config', {}, 'cp-catalog', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'mine', globalOrigin, 'all'],
  ['GlobalSecret', {}, 'zone-token-revocations', globalOrigin, 'all'],
  ['GlobalSecret', {}, 'envoy-admin-ca', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'admin-user-token', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'inter-cp-ca', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'user-token-revocations', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'user-token-signing-key-1', globalOrigin, 'none'],
  ['GlobalSecret', {}, 'zone-token-signing-key-1', globalOrigin, 'none'],
  ['Secret', {}, 'envoy-admin-ca', globalOrigin, 'all'],
  ['Zone', {}, 'east', globalOrigin, 'none'],
  ['Secret', {}, 'of-a-zone', 'east', 'none'],
  ['VipBlock', {}, 'b', globalOrigin, 'all'],
  ['MeshTimeout', {}, 't', 'east', 'all'],
] as const)('%s with %j named %s of %j: %s', (type, labels, name, origin, audience) => {
  expect(audienceOf(typeOf(type), labels, name, origin)).toBe(audience)
})

const toWeb = { to: [{ targetRef: { kind: 'MeshService', name: 'web' } }] }
const ofShop = { 'k8s.kuma.io/namespace': 'shop' }
const producer = { ...ofShop, 'kuma.io/policy-role': 'producer' }

test.each([
  ['MeshTimeout', 'east', {}, 'all', 'none'],
  ['MeshTimeout', 'east', producer, 'all', 'all'],
  ['MeshTimeout', 'east', { ...ofShop, 'kuma.io/policy-role': 'consumer' }, 'all', 'none'],
  ['MeshTimeout', 'east', { ...producer, 'kuma.io/kds-sync': 'disabled' }, 'none', 'none'],
  ['MeshTimeout', globalOrigin, {}, 'all', 'all'],
  ['MeshTrace', 'east', producer, 'all', 'none'],
  ['MeshService', 'east', {}, 'all', 'all'],
  ['MeshExternalService', 'east', {}, 'all', 'all'],
] as const)('%s of %j with %j: in a zone %s, at global %s', (type, origin, labels, inZone, atGlobal) => {
  const row = { labels, name: 'n', origin, spec: utf8(JSON.stringify(toWeb)) }
  expect([audienceAt('zone', typeOf(type), row), audienceAt('global', typeOf(type), row)]).toEqual([inZone, atGlobal])
})

test.each([
  ['Mesh', globalOrigin, 'all', true],
  ['Mesh', globalOrigin, 'none', false],
  ['Mesh', globalOrigin, 'suspended', false],
  ['MeshService', 'east', 'all', true],
  ['MeshService', 'east', 'suspended', false],
  ['MeshService', 'west', 'all', false],
  ['MeshZoneAddress', 'east', 'all', true],
  ['ZoneIngress', 'east', 'all', true],
  ['MeshTimeout', globalOrigin, 'all', true],
  ['MeshTimeout', 'east', 'all', true],
  ['MeshTimeout', 'east', 'none', false],
  ['MeshTimeout', 'west', 'all', false],
  ['HostnameGenerator', globalOrigin, 'all', true],
  ['HostnameGenerator', 'east', 'all', false],
  ['MeshExternalService', 'east', 'all', false],
  ['Dataplane', 'east', 'all', false],
  ['Zone', globalOrigin, 'all', false],
  ['VipBlock', globalOrigin, 'all', true],
] as const)('%s of %j with audience %s is visible to west: %s', (type, origin, audience, visible) => {
  expect(isVisibleTo(typeOf(type), origin, audience, 'west')).toBe(visible)
})

test('the lists for a query say the same as the function, for every type and origin', () => {
  const lists = downTypes()
  const audiences: readonly Audience[] = ['all', 'none', 'suspended']
  for (const type of allTypes)
    for (const audience of audiences)
      for (const origin of [globalOrigin, 'east', 'west']) {
        const byQuery =
          audience === 'all' &&
          origin !== 'west' &&
          (origin === globalOrigin ? lists.fromGlobal : lists.acrossZones).includes(type.name)
        expect([type.name, origin, isVisibleTo(type, origin, audience, 'west')]).toEqual([type.name, origin, byQuery])
      }
  const others = lists.acrossZones.filter((name) => !isPluginPolicy(typeOf(name)))
  expect(others).toEqual(['MeshZoneAddress', 'ZoneIngress', 'MeshService'])
})

test('what goes up comes in dependency order', () => {
  const orders = upTypes().map((name) => typeOf(name).order)
  expect(orders).toEqual([...orders].sort((a, b) => a - b))
})
