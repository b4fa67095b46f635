import {
  bucketOf,
  canonicalLabels,
  contentHashOf,
  type DescribedType,
  describedTypes,
  displayNameLabel,
  type ExportedResource,
  encodeVips,
  exportLabels,
  exportName,
  identityBytes,
  type Labels,
  namespaceLabel,
  Problem,
  protectionLabel,
  quotaBytesLabel,
  quotaRateLabel,
  quotaResourcesLabel,
  typeOf,
  typeSetHash,
  utf8,
  violationText,
  zoneLabel,
} from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  actor,
  block,
  deleteOf,
  hello,
  keyOf,
  mesh,
  offerOf,
  otherEpoch,
  otherStoreId,
  putMesh,
  putService,
  Subject,
  service,
  serviceKey,
} from './conformance/fixtures.js'
import { openMemory } from './memory/testing.js'
import { entryOfOffer } from './plan/entries.js'
import { holdFate, type ImportedVip } from './plan/index.js'
import { bestFirst, preference, type Recollection, recoveryVerdict } from './plan/recover-verdict.js'
import { judgeRow, type StoredRow, type Surroundings } from './plan/scrub.js'
import type { RememberedRow, Testimony } from './plan/testimony.js'
import type { HoldRow, Row } from './plan/types.js'
import type { LocalChange } from './port.js'
import { pageOfText } from './returns/page-text.js'
import { placeOf } from './returns/place.js'
import { askTestimony } from './testimony.js'

// What the plans refuse and why, as operators and peers are told, in one file; on PostgreSQL they are the same plans. What the
// database itself says is in `pg/errors.pg.test.ts`. A test of the testkit reads off the source what there is.

type Said = readonly string[]
interface Case {
  readonly what: string
  readonly at: 'global' | 'zone'
  readonly said: (subject: Subject) => Promise<Said>
}

const fromEast = { channel: 'up', peer: 'east' } as const
const fromGlobal = { channel: 'down', peer: '' } as const
const thirdStoreId = '99999999-2222-4333-8444-555555555555'

async function thrown(call: () => Promise<unknown>): Promise<Said> {
  try {
    await call()
    return ['nothing']
  } catch (error) {
    return error instanceof Problem ? problemSaid(error) : [`not ours: ${String(error)}`]
  }
}
const problemSaid = ({ kind, message, violations }: Problem): Said => [
  `${kind}: ${message}`,
  ...violations.map((each) => `* ${violationText(each)}`),
]

/** What an own change is refused with. */
const changed = async (subject: Subject, ...changes: readonly LocalChange[]): Promise<Said> =>
  (await subject.apply(...changes)).flatMap((outcome) =>
    outcome.outcome === 'refused' ? problemSaid(outcome.problem) : [],
  )

const admitted = async (global: Subject, storeId: string, instanceId?: string): Promise<Said> => {
  const answer = await global
    .channel({ channel: 'down', peer: 'east' })
    .perform({ op: 'admit', hello: hello(storeId), instanceId, nowMs: global.nowMs })
  return answer.admitted ? [] : [answer.reason]
}
/** It was let in, and has all of global. */
async function inStep(global: Subject, storeId = otherStoreId): Promise<void> {
  await admitted(global, storeId)
  const down = global.channel({ channel: 'down', peer: 'east' })
  const { cursor } = await down.perform({ op: 'mark' })
  await down.perform({ op: 'acked', cursor })
}
const session = (sessionId: string, more: object = {}) => ({
  ...{ sessionId, peer: 'east', instanceId: 'g', peerInstanceId: 'e', peerVersion: '0.1.0', extension: true },
  ...more,
})
const offered = async (subject: Subject, ...resources: readonly ExportedResource[]): Promise<Said> => {
  const channel = subject.channel((await subject.store.status()).identity.role === 'global' ? fromEast : fromGlobal)
  const said: string[] = []
  for (const resource of resources) {
    const { refused } = await channel.apply({ type: resource.type, offers: [offerOf(resource)] })
    said.push(...refused.map(({ reason }) => reason))
  }
  return said
}
const relabelled = (resource: ExportedResource, labels: Labels): ExportedResource => ({
  ...resource,
  labels: { ...resource.labels, ...labels },
})
const eastService = service({ name: 'web', zone: 'east' })

const zoneKey = { type: 'Zone', mesh: '', name: 'east' }
const putZone = (labels: Labels = {}): LocalChange => ({
  change: 'put',
  key: zoneKey,
  content: { labels, typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Zone', spec: Uint8Array.of(0x0a, 2, 8, 1) },
  ...{ namespace: '', displayName: 'east', wantsVip: false },
})
const withoutZone = (name: string): LocalChange => {
  const put = putService(name)
  const { [zoneLabel]: _, ...labels } = put.content.labels
  return { ...put, content: { ...put.content, labels } }
}
const protectedMesh = (): LocalChange => {
  const put = putMesh('shop') as Extract<LocalChange, { change: 'put' }>
  return { ...put, content: { ...put.content, labels: { [protectionLabel]: 'true' } } }
}

const ownChanges: readonly Case[] = [
  { what: 'a service in a mesh that is not there', at: 'global', said: (it) => changed(it, withoutZoneIn('nowhere')) },
  {
    what: 'a service in a mesh that global has not',
    at: 'zone',
    said: (it) => changed(it, putService('web', { mesh: 'nowhere' })),
  },
  { what: 'a service of global with the label of a zone', at: 'global', said: (it) => changed(it, putService('web')) },
  {
    what: 'a service that is of a zone',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await offered(it, eastService)
      return changed(it, deleteOf(eastService))
    },
  },
  {
    what: 'a service whose trace is still offered',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.apply(putMesh('shop'))
      const { type, mesh: ofMesh, name } = service({ name: 'web', zone: 'east', mesh: 'shop' })
      await offered(it, service({ name: 'web', zone: 'east', mesh: 'shop' }))
      await it.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
      return changed(it, { ...withoutZone('web'), key: { type, mesh: ofMesh, name } })
    },
  },
  {
    what: 'a mesh that is protected',
    at: 'global',
    said: async (it) => {
      await it.apply(protectedMesh())
      return changed(it, deleteOf({ type: 'Mesh', mesh: '', name: 'shop' }))
    },
  },
  ...[1, 2].map(
    (count): Case => ({
      what: `a mesh with ${count} protected in it`,
      at: 'global',
      said: async (it) => {
        const put = (name: string): LocalChange => {
          const one = withoutZone(name) as Extract<LocalChange, { change: 'put' }>
          return { ...one, content: { ...one.content, labels: { ...one.content.labels, [protectionLabel]: 'true' } } }
        }
        await it.apply(...['a', 'b'].slice(0, count).map(put))
        return changed(it, deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
      },
    }),
  ),
  {
    what: 'a service that becomes another',
    at: 'zone',
    said: async (it) => {
      await it.apply(putService('web'))
      return changed(it, putService('web', { labels: { 'kuma.io/display-name': 'api' } }))
    },
  },
  {
    what: 'a display name that another has',
    at: 'zone',
    said: async (it) => {
      await it.apply(putService('web'))
      return changed(it, { ...putService('api'), displayName: 'web' })
    },
  },
  {
    what: 'a display name that another has in a namespace',
    at: 'zone',
    said: async (it) => {
      await it.apply(putService('web', { namespace: 'shop' }))
      return changed(it, { ...putService('api', { namespace: 'shop' }), displayName: 'web' })
    },
  },
  {
    what: 'a service that would be called as another is',
    at: 'zone',
    said: async (it) => {
      await it.apply(putService('web'))
      return changed(it, { ...putService('api', { labels: { 'kuma.io/display-name': 'web' } }), displayName: 'api' })
    },
  },
  { what: 'a service that is not there, deleted', at: 'zone', said: (it) => changed(it, deleteOf(serviceKey('web'))) },
  {
    what: 'a global that is read-only',
    at: 'global',
    said: async (it) => {
      await it.store.brakes.readOnly({ readOnly: true, actor: 'anna', reason: 'an upgrade' })
      const { signal } = new AbortController()
      const asked = { changes: [putMesh('shop')], atomic: true, actor, heedsReadOnly: true }
      return thrown(() => it.store.local.apply(asked, { signal }))
    },
  },
]
const withoutZoneIn = (name: string): LocalChange => {
  const put = withoutZone('web')
  return { ...put, key: { ...put.key, mesh: name } }
}

const gadget: DescribedType = {
  ...{ name: 'MeshGadget', scope: 'mesh', order: 905, encoding: 'json', emptyStatus: '', hashed: false },
  ...{ globalToZones: true, zoneToGlobal: true, acrossZones: true, policy: false },
}

const offers: readonly Case[] = [
  {
    what: 'offers of a zone that are attributed wrongly',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      return offered(
        it,
        relabelled(eastService, { [zoneLabel]: 'west' }),
        { ...eastService, labels: {} },
        { ...eastService, mesh: '' },
        { ...eastService, name: 'web' },
        { ...mesh('default'), labels: { [zoneLabel]: 'east' } },
      )
    },
  },
  {
    what: 'offers of global that are attributed wrongly',
    at: 'zone',
    said: (it) => offered(it, eastService, { ...mesh('default'), mesh: 'x' }),
  },
  {
    what: 'an offer whose name another has',
    at: 'zone',
    said: async (it) => {
      await offered(it, mesh('default'))
      const west = service({ name: 'web', zone: 'west' })
      await it.apply({ ...putService('web'), key: { type: west.type, mesh: west.mesh, name: west.name } })
      return offered(it, west)
    },
  },
  {
    what: 'more than the quota of a zone',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      const api = service({ name: 'api', zone: 'east' })
      const said: string[] = []
      for (const label of [quotaResourcesLabel, quotaBytesLabel, quotaRateLabel]) {
        await it.apply(putZone({ [label]: '1' }))
        said.push(
          ...(await offered(it, label === quotaBytesLabel ? service({ name: 'db', zone: 'east' }) : eastService, api)),
        )
      }
      return said
    },
  },
  {
    what: 'virtual IPs that cannot be',
    at: 'zone',
    said: async (it) => {
      await offered(it, mesh('default'), block({ cidr: '241.32.0.0/20', owner: 'west', storeId: otherStoreId }))
      const vips = (...addresses: readonly string[]) => ({ vips: { addresses, generation: 0 } })
      return offered(
        it,
        { ...mesh('shop'), ...vips('241.0.0.1') },
        { ...service({ name: 'api', zone: 'north' }), ...vips('241.32.0.7') },
        { ...service({ name: 'web', zone: 'west' }), ...vips('241.32.0.7') },
      )
    },
  },
  {
    what: 'a virtual IP in a block of another',
    at: 'global',
    said: async (it) => {
      const west = it.channel({ channel: 'down', peer: 'west' })
      await west.perform({ op: 'admit', hello: hello(thirdStoreId), nowMs: it.nowMs })
      await it.store.vip.lease({ owner: 'west', storeId: thirdStoreId, demands: [], wantedCidrs: ['241.32.0.0/20'] })
      await it.store.vip.lease({
        ...{
          owner: '',
          storeId: (await it.store.status()).identity.storeId,
          demands: [],
          wantedCidrs: ['241.48.0.0/20'],
        },
      })
      await inStep(it)
      return offered(
        it,
        ...['241.32.0.7', '241.48.0.7'].map((address) => ({
          ...eastService,
          vips: { addresses: [address], generation: 0 },
        })),
      )
    },
  },
  {
    what: 'types that are described otherwise',
    at: 'global',
    said: async (it) => {
      const learn = async (peer: string, ...types: readonly DescribedType[]) =>
        (await it.store.types.learn(peer, { typeSet: typeSetHash(types), types })).refused.map(
          ({ name, reason }) => `${name}: ${reason}`,
        )
      const [ours] = describedTypes()
      return [
        ...(await learn('east', gadget, ...(ours === undefined ? [] : [{ ...ours, hashed: !ours.hashed }]))),
        ...(await learn('west', { ...gadget, hashed: true })),
        ...(await offered(it, { ...eastService, type: 'MeshGadget', mesh: '' })),
        ...(
          await it.channel({ channel: 'up', peer: 'west' }).apply({
            type: 'MeshGadget',
            offers: [offerOf({ ...service({ name: 'web', zone: 'west' }), type: 'MeshGadget' })],
          })
        ).refused.map(({ reason }) => reason),
      ]
    },
  },
]

const names: readonly Case[] = [
  { what: 'a zone without a store', at: 'global', said: (it) => admitted(it, '') },
  {
    what: 'a zone with the name of another',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      return admitted(it, thirdStoreId)
    },
  },
  {
    what: 'a zone with the name of one that is connected',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.sessions.open(session('s1'))
      return admitted(it, thirdStoreId)
    },
  },
  {
    what: 'a zone with the name of a Kuma zone that is connected',
    at: 'global',
    said: async (it) => {
      await it.store.sessions.meetPlain('east')
      await it.store.sessions.open(session('s1', { extension: false, stream: 'up' }))
      return admitted(it, otherStoreId)
    },
  },
  {
    what: 'a Kuma zone with the name of one of ours',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.sessions.open(session('s1'))
      const met = await it.store.sessions.meetPlain('east')
      return met.admitted ? [] : [met.reason]
    },
  },
  {
    what: 'a second process on the database of a zone',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.sessions.open(session('s1', { peerInstanceId: 'first' }))
      await it.store.sessions.open(session('s2', { peerInstanceId: 'second' }))
      return admitted(it, otherStoreId, 'first')
    },
  },
  {
    what: 'a zone that is paused',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.brakes.pause({ zone: 'east', paused: true, actor, reason: 'its database moves' })
      return admitted(it, otherStoreId)
    },
  },
  {
    what: 'a zone that was deleted',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.apply(deleteOf(zoneKey))
      return [
        ...(await admitted(it, otherStoreId)),
        ...(await thrown(() => it.channel(fromEast).apply({ type: 'MeshService', offers: [offerOf(eastService)] }))),
      ]
    },
  },
  {
    what: 'a zone that was taken out of service',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.returns.decommission({ zone: 'east', actor, apply: true })
      return admitted(it, otherStoreId)
    },
  },
  {
    what: 'a session that was superseded',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      const { fence } = await it.store.sessions.open(session('s1'))
      await it.store.sessions.open(session('s2'))
      const late = it.channel({ ...fromEast, fence: { sessionId: 's1', fence } })
      return thrown(() => late.apply({ type: 'MeshService', offers: [offerOf(eastService)] }))
    },
  },
  {
    what: 'a lease that was lost',
    at: 'global',
    said: async (it) => {
      const take = { place: '', names: ['generator'], ttlMs: 1_000, gone: [] }
      const [lease] = await it.store.leases.take({ ...take, holder: 'a' })
      await it.store.leases.take({ ...take, holder: 'b', gone: ['a'] })
      const { signal } = new AbortController()
      const request = { changes: [putMesh('shop')], atomic: false, actor, lease }
      return thrown(() => it.store.local.apply(request, { signal }))
    },
  },
]

const zones: readonly Case[] = [
  {
    what: 'a zone that nobody knows, paused',
    at: 'global',
    said: (it) => thrown(() => it.store.brakes.pause({ zone: 'east', paused: true, actor, reason: '' })),
  },
  {
    what: 'a zone that was never connected, paused',
    at: 'global',
    said: async (it) => {
      await it.apply(putZone())
      return thrown(() => it.store.brakes.pause({ zone: 'east', paused: true, actor, reason: '' }))
    },
  },
  {
    what: 'a zone that is connected, taken out of service or given away',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      await it.store.sessions.open(session('s1'))
      return [
        ...(await thrown(() => it.store.returns.decommission({ zone: 'east', actor, apply: true }))),
        ...(await thrown(() => it.store.returns.adopt({ zone: 'east', storeId: thirdStoreId, actor, apply: true }))),
      ]
    },
  },
  {
    what: 'a Kuma zone that is connected, taken out of service or given away',
    at: 'global',
    said: async (it) => {
      await it.store.sessions.meetPlain('east')
      await it.store.sessions.open(session('s1', { extension: false, stream: 'up' }))
      return [
        ...(await thrown(() => it.store.returns.decommission({ zone: 'east', actor, apply: true }))),
        ...(await thrown(() => it.store.returns.adopt({ zone: 'east', storeId: thirdStoreId, actor, apply: true }))),
      ]
    },
  },
  {
    what: 'a zone that is protected, taken out of service',
    at: 'global',
    said: async (it) => {
      await it.apply(putZone({ [protectionLabel]: 'true' }))
      return thrown(() => it.store.returns.decommission({ zone: 'east', actor, apply: true }))
    },
  },
  {
    what: 'a name that no other store has asked for, given away',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      return thrown(() => it.store.returns.adopt({ zone: 'east', actor, apply: true }))
    },
  },
  {
    what: 'a zone that was never in step, federated',
    at: 'zone',
    said: (it) => thrown(() => it.store.returns.federate({ actor, apply: true } as never)),
  },
  {
    what: 'what would become of zones that join',
    at: 'global',
    said: async (it) => {
      const asked = { zone: 'east', storeId: otherStoreId, blocks: [], meshes: [], services: [] }
      const refused = async (storeId: string) => [
        (await it.store.returns.planJoin({ ...asked, storeId })).refused ?? '',
      ]
      await inStep(it)
      const another = await refused(thirdStoreId)
      await it.store.returns.decommission({ zone: 'east', actor, apply: true })
      return [...another, ...(await refused(otherStoreId))]
    },
  },
  {
    what: 'what would become of a zone that joins in the place of a Kuma zone',
    at: 'global',
    said: async (it) => {
      await it.store.sessions.meetPlain('east')
      await it.store.sessions.open(session('s1', { extension: false, stream: 'up' }))
      const asked = { zone: 'east', storeId: otherStoreId, blocks: [], meshes: [], services: [] }
      return [(await it.store.returns.planJoin(asked)).refused ?? '']
    },
  },
  {
    what: 'what would become of the addresses of a zone that joins',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      const vips = (address: string) => ({ addresses: [address], generation: 0 })
      await offered(it, service({ name: 'moved', zone: 'east', vips: vips('241.32.0.1') }))
      await it.channel({ channel: 'up', peer: 'west' }).apply({
        type: 'MeshService',
        offers: [offerOf(service({ name: 'web', zone: 'west', vips: vips('241.48.0.1') }))],
      })
      const of = (kind: string, displayName: string, address: string) => ({
        ...{ kind, mesh: 'default', namespace: '', displayName, addresses: [address] },
      })
      const services = [
        of('Mesh', 'x', '241.16.0.1'),
        of('MeshService', 'moved', '241.16.0.2'),
        of('MeshService', 'web', '241.48.0.1'),
      ]
      const asked = { zone: 'east', storeId: otherStoreId, blocks: [], meshes: [], services }
      const plan = await it.store.returns.planJoin(asked)
      return plan.services.flatMap(({ addresses }) => addresses.map(({ fate, reason }) => `${fate}: ${reason ?? ''}`))
    },
  },
]

const many = (count: number): readonly ExportedResource[] =>
  Array.from({ length: count }, (_, i) => service({ name: `web-${i}`, zone: 'east' }))
/** The id of a hold on what a zone does not name any more. */
async function held(it: Subject): Promise<string> {
  await inStep(it)
  const all = many(60)
  const channel = it.channel(fromEast)
  await channel.apply({ type: 'MeshService', offers: all.map(offerOf) })
  await channel.apply({ type: 'MeshService', absent: all.slice(0, 30).map(keyOf), epoch: otherEpoch })
  const [hold] = await it.store.read.holds()
  return hold?.id ?? ''
}
/** Ids are random: of what an id is does not matter here. */
const withoutIds = (said: Said): Said =>
  said.map((line) => line.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID'))

const holds: readonly Case[] = [
  {
    what: 'a hold that never was',
    at: 'global',
    said: (it) => thrown(() => it.store.guards.approve({ id: thirdStoreId, actor })),
  },
  {
    what: 'a hold that has grown',
    at: 'global',
    said: async (it) => {
      const id = await held(it)
      return withoutIds(await thrown(() => it.store.guards.approve({ id, actor, seen: 29 })))
    },
  },
  {
    what: 'a hold that was decided',
    at: 'global',
    said: async (it) => {
      const id = await held(it)
      await it.store.guards.approve({ id, actor })
      return withoutIds(await thrown(() => it.store.guards.approve({ id, actor })))
    },
  },
  {
    what: 'a hold that was decided otherwise',
    at: 'global',
    said: async (it) => {
      const id = await held(it)
      await it.store.guards.reject({ id, actor })
      return withoutIds(await thrown(() => it.store.guards.reject({ id, actor })))
    },
  },
  {
    what: 'a hold that ended by itself',
    at: 'global',
    said: async (it) => {
      const id = await held(it)
      await it.channel(fromEast).apply({ type: 'MeshService', offers: many(60).map(offerOf) })
      return withoutIds(await thrown(() => it.store.guards.approve({ id, actor })))
    },
  },
]

const web = { kind: 'MeshService', mesh: 'default', namespace: '', displayName: 'web', origin: 'east' }
const imported = async (it: Subject, ...claims: readonly Partial<ImportedVip>[]): Promise<Said> =>
  (
    await it.store.vip.importAddresses({
      claims: claims.map((claim) => ({ ...web, zone: 'east', address: '241.0.0.1', ...claim })),
      ...{ apply: true, actor },
    })
  ).flatMap((each) => (each.verdict === 'refused' ? [each.reason] : []))

const addresses: readonly Case[] = [
  {
    what: 'imported addresses that cannot be kept',
    at: 'zone',
    said: async (it) => {
      const { storeId } = (await it.store.status()).identity
      await offered(
        it,
        mesh('default'),
        block({ cidr: '241.16.0.0/20', owner: 'east', storeId }),
        block({ cidr: '241.32.0.0/20', owner: 'west', storeId: otherStoreId }),
        block({ cidr: '241.48.0.0/20', owner: '', storeId: otherStoreId }),
      )
      await imported(it, { address: '241.16.0.7' })
      await it.apply(putService('web'))
      const said = await imported(
        it,
        { kind: 'Mesh' },
        { address: '241.0.0' },
        { zone: 'west' },
        { address: '241.16.0.8' },
        { displayName: 'db', address: '241.32.0.1' },
        { displayName: 'db', address: '241.48.0.1' },
        { displayName: 'thief', address: '241.16.0.7' },
      )
      await imported(it, { displayName: 'api', address: '241.0.0.1' })
      const another = await imported(it, { displayName: 'api', address: '241.0.0.2' })
      await it.apply(deleteOf(serviceKey('web')))
      return [...said, ...another, ...(await imported(it, { displayName: 'thief', address: '241.16.0.7' }))]
    },
  },
  {
    what: 'leases that are not given',
    at: 'global',
    said: async (it) => {
      const lease = async (owner: string, storeId: string, ...wantedCidrs: readonly string[]) =>
        (await it.store.vip.lease({ owner, storeId, demands: [], wantedCidrs })).refused
      await inStep(it)
      return [
        ...(await lease('east', thirdStoreId)),
        ...(await lease('west', otherStoreId)),
        ...(await lease('east', otherStoreId, '10.0.0.0/20')),
      ]
    },
  },
  {
    what: 'what a global that recovers keeps to itself',
    at: 'global',
    said: async (it) => {
      await inStep(it)
      const down = it.channel({ channel: 'down', peer: 'east' })
      const { cursor, digest } = await down.perform({ op: 'mark' })
      const since = { epoch: otherEpoch, revision: cursor.revision + 3, tag: '0123456789abcdef' }
      await down.perform({ op: 'compare', standing: { offered: digest, cursor: since } })
      const { refused } = await it.store.vip.lease({
        ...{ owner: 'east', storeId: otherStoreId, demands: [], wantedCidrs: [] },
      })
      const { reasons } = await it.store.status()
      const page = () => down.perform({ op: 'changes', ...fromTheStart })
      return [...reasons, ...refused, ...(await thrown(page))]
    },
  },
  {
    what: 'a lease of a zone',
    at: 'zone',
    said: async (it) =>
      (await it.store.vip.lease({ owner: 'east', storeId: otherStoreId, demands: [], wantedCidrs: [] })).refused,
  },
  {
    what: 'pools that cannot be added',
    at: 'global',
    said: (it) =>
      thrown(() =>
        it.store.vip.addPool({
          pool: { kind: 'MeshService', family: 4, cidr: '241.16.0.0/12' },
          actor,
          apply: true,
        } as never),
      ),
  },
]

const fromTheStart = {
  ...{ from: { revision: 0, typeOrder: 0, mesh: '', name: '' }, limitBytes: 1_000_000, withRemovals: false },
}

/** Stores that nothing was done to. */
const bare: readonly Case[] = [
  {
    what: 'a global that is not initialised',
    at: 'global',
    said: async (it) => [
      ...(await thrown(() =>
        it.store.vip.addPool({
          pool: { kind: 'MeshService', family: 4, cidr: '244.0.0.0/8' },
          actor,
          apply: true,
        } as never),
      )),
      ...(await it.store.vip.lease({ owner: 'east', storeId: otherStoreId, demands: [], wantedCidrs: [] })).refused,
      (await it.store.returns.planJoin({ zone: 'east', storeId: otherStoreId, blocks: [], meshes: [], services: [] }))
        .refused ?? '',
    ],
  },
  {
    what: 'pools that are none',
    at: 'global',
    said: (it) =>
      thrown(() =>
        it.store.initialise({
          ...{ actor, random: Uint8Array.of(1, 2, 3, 4, 5) },
          pools: [{ kind: 'MeshService', family: 4, cidr: '241.0.0.0/x' }] as never,
        }),
      ),
  },
  {
    what: 'several pools, of which the second lies in a default one and the third has addresses that mean something else',
    at: 'global',
    said: (it) =>
      thrown(() =>
        it.store.initialise({
          ...{ actor, random: Uint8Array.of(1, 2, 3, 4, 5) },
          pools: [
            { kind: 'MeshService', family: 4, cidr: '10.0.0.0/8' },
            { kind: 'MeshExternalService', family: 4, cidr: '243.0.0.0/12' },
            { kind: '*', family: 6, cidr: '::/48' },
          ],
        }),
      ),
  },
  {
    what: 'blocks that are given beforehand and are none',
    at: 'zone',
    said: async (it) =>
      (await it.store.vip.adoptBlocks(['241.16.0.1/20', '241.16.0.0/x', '10.0.0.0/8'])).map(violationText),
  },
]

const epoch = 'a'.repeat(32)
const history = {
  ...{ epochs: new Set([epoch]), endOf: () => 25, lostLogs: new Map() },
  tagAt: (of: string, revision: number) => (of === epoch && revision <= 25 ? `here ${revision}` : undefined),
}
const remembers = (zone: string, revision: number, tag: string, row: Partial<Recollection['row']>): Recollection => ({
  witness: { zone, storeId: zone, state: 'ready', cursor: { epoch, revision, tag } },
  row: {
    ...{ type: 'Mesh', mesh: '', exportName: 'shop', displayName: 'shop', namespace: '', origin: '' },
    ...{ labels: {}, typeUrl: '', spec: new Uint8Array(), modifiedAtMs: 19_000, asOffered: true, ...row },
  },
})
const here = (more: object): Row =>
  ({
    type: 'Mesh',
    mesh: '',
    name: 'shop',
    deleted: false,
    revision: 14,
    modifiedAtMs: 2_000,
    entry: 'x',
    ...more,
  }) as unknown as Row
const judged = (row: Row | undefined, ...all: readonly Recollection[]): Said => {
  const verdict = recoveryVerdict(bestFirst(all, history), row, history)
  return [`${verdict.verdict}: ${'reason' in verdict ? verdict.reason : ''}`]
}
const east = (row: Partial<Recollection['row']> = {}) => remembers('east', 21, 'here 21', row)

const multiZone = typeOf('MeshMultiZoneService')
const multiZoneKey = (name: string) => ({ type: multiZone.name, mesh: 'default', name })
const nameOnly = (name: string): Labels => ({ [displayNameLabel]: name })
const putMultiZone = (name: string): LocalChange => ({
  ...({ change: 'put', key: multiZoneKey(name), namespace: '', displayName: name, wantsVip: true } as const),
  content: { labels: nameOnly(name), typeUrl: '', spec: Buffer.from('{}') },
})
const remembered = (name: string, row: Partial<RememberedRow> = {}, more: Labels = {}): RememberedRow => {
  const labels = { ...nameOnly(name), ...more }
  return {
    ...{ type: multiZone.name, mesh: 'default', exportName: exportName(multiZone, 'default', name, labels) },
    ...{ origin: '', displayName: name, namespace: labels[namespaceLabel] ?? '', labels },
    ...{ typeUrl: '', spec: Buffer.from('{}'), modifiedAtMs: 19_000, ...row },
  }
}
const testimony = (zone: string, rows: readonly RememberedRow[]): Testimony => ({
  witness: { zone, storeId: zone, state: 'ready' },
  rows,
  ledger: [],
})

/** A service of east's as global keeps it, with everything that follows from it. */
function storedRow(more: Partial<Row>): StoredRow {
  const offer = service({ name: 'web', zone: 'east', vips: { addresses: ['241.16.0.7'], generation: 1 } })
  const { type, mesh, name, labels, typeUrl, spec, vips } = offer
  const entry = entryOfOffer(offer, 'east')
  const row: Row = {
    ...{ type, mesh, name, labels, typeUrl, spec, vips, origin: 'east', exportName: name, displayName: 'web' },
    ...{ namespace: '', audience: 'all', revision: 7, deleted: false, createdAtMs: 1, modifiedAtMs: 1 },
    ...{ statusRevision: 0, entry, offeredEntry: entry, exposed: true, ...more },
  }
  const labelsCanonical = canonicalLabels(exportLabels(labels))
  return {
    ...{ row, labelsCanonical, vips: encodeVips(vips), content: contentHashOf(labelsCanonical, utf8(typeUrl), spec) },
    ...{ identity: identityBytes(type, mesh, name, 'east'), bucket: bucketOf(type, mesh, name), typeOrder: 3 },
  }
}
const aGlobal = { role: 'global', name: '', storeId: thirdStoreId } as const
const surroundings: Surroundings = {
  ...{ identity: aGlobal, damaged: false, refused: false, statusRefused: false, meshSeen: true },
  ...{ typeOrder: 3, ledger: [{ address: '241.16.0.7', generation: 1 }] },
}

const memories: readonly Case[] = [
  {
    what: 'what is believed of what zones remember',
    at: 'zone',
    said: async () => [
      ...judged(undefined, east()),
      ...judged(here({}), east()),
      ...judged(here({ modifiedAtMs: 30_000, revision: 24 }), east({ asOffered: false })),
      ...judged(here({}), east({ deletedAtMs: 16_000 })),
      ...judged(here({ modifiedAtMs: 30_000, revision: 24 }), east({ deletedAtMs: 16_000 })),
      ...judged(here({ deleted: true, deletedAtMs: 30_000, revision: 24 }), east({ asOffered: false })),
    ],
  },
  {
    what: 'whom of two witnesses is believed',
    at: 'zone',
    said: async () => [
      preference(remembers('east', 23, 'lost', {}), remembers('west', 25, 'here 25', {}), history),
      preference(remembers('west', 25, 'here 25', {}), east(), history),
      preference(east(), east(), history),
    ],
  },
  {
    what: 'what zones remember and global cannot take back',
    at: 'global',
    said: async (it) => {
      await it.apply(putMultiZone('web'))
      const { storeId } = (await it.store.status()).identity
      await it.store.vip.lease({ owner: '', storeId, wantedCidrs: [], demands: await it.store.vip.demand() })
      const [address = ''] = (await it.store.read.get(multiZoneKey('web')))?.vips?.addresses ?? []
      const vips = (...addresses: readonly string[]) => ({ vips: { addresses, generation: 0 } })
      const ratings = service({ name: 'ratings', zone: 'west' })
      await it.channel({ channel: 'up', peer: 'west' }).apply({ type: 'MeshService', offers: [offerOf(ratings)] })
      const rows = [
        remembered('future', { type: 'MeshFuture' }),
        remembered('ours', { origin: 'west' }),
        remembered('renamed', { exportName: 'other' }),
        remembered('lonely', { mesh: 'gone', exportName: exportName(multiZone, 'gone', 'lonely', nameOnly('lonely')) }),
        remembered('web', {}, { [namespaceLabel]: 'default' }),
        remembered('thief', vips(address)),
        remembered('web', vips('243.1.2.3')),
        remembered('api'),
        remembered('old'),
        {
          ...remembered('ratings', { type: 'MeshService', origin: 'west', exportName: ratings.name }),
          deletedAtMs: it.nowMs + 1,
        },
      ]
      const other = [remembered('api', { modifiedAtMs: 1, typeUrl: 'x' }), remembered('old', { deletedAtMs: 1 })]
      const items = await it.store.recovery.recover({
        testimonies: [testimony('east', rows), testimony('west', other)],
        apply: false,
        actor,
      })
      return items.map(({ action, type, name, reason, conflicts, problem }) =>
        [`${action} ${type} ${name}: ${reason}`, ...conflicts, ...(problem === undefined ? [] : [problem])]
          .join(' | ')
          .replaceAll(address, 'ADDRESS'),
      )
    },
  },
  {
    what: 'what global gives back and a zone cannot take',
    at: 'zone',
    said: async (it) => {
      await it.apply(putService('web'))
      await it.store.returns.begin('the test says so')
      const rows = [
        mesh('shop'),
        service({ name: 'web', zone: 'east', namespace: 'default' }),
        { ...service({ name: 'renamed', zone: 'east' }), name: 'other-name' },
      ].map((row) => ({ ...row, deleted: false }))
      const standing = { nowMs: it.nowMs, isAdopted: true }
      return (await it.store.returns.take({ standing, blocks: [], ledger: [], refused: [], rows })).refused
    },
  },
  {
    what: 'what global gives back, and another has its display name',
    at: 'zone',
    said: async (it) => {
      await it.apply({ ...putService('api'), displayName: 'web' })
      await it.store.returns.begin('the test says so')
      const rows = [{ ...service({ name: 'web', zone: 'east' }), deleted: false }]
      const standing = { nowMs: it.nowMs, isAdopted: true }
      return (await it.store.returns.take({ standing, blocks: [], ledger: [], refused: [], rows })).refused
    },
  },
  {
    what: 'what became of holds',
    at: 'zone',
    said: async () => {
      const hold = { id: 'h', peer: 'east', type: 'MeshService', origin: 'east', reason: '', createdAtMs: 0 } as const
      const counts = { firstCount: 30, keyCount: 20, returnedCount: 7 }
      const fate = (state: HoldRow['state'], more: Partial<HoldRow> = {}): string =>
        holdFate({ ...hold, ...counts, state, endedAtMs: 0, ...more } as HoldRow)
      return [
        fate('held', { returnedCount: 0, keyCount: 30, endedAtMs: undefined }),
        fate('held', { endedAtMs: undefined }),
        fate('approved', { keyCount: 0, deletedCount: 20, decidedBy: 'anna' }),
        fate('rejected', { decidedBy: 'anna' }),
        fate('rejected'),
        fate('ended', { keyCount: 0 }),
      ]
    },
  },
  {
    what: 'rows that are not what they were',
    at: 'zone',
    said: async () => {
      const sound = storedRow({})
      const found = (row: Partial<Row>, more: Partial<StoredRow> = {}, around: Partial<Surroundings> = {}): Said =>
        judgeRow({ ...sound, ...more, row: { ...sound.row, ...row } }, { ...surroundings, ...around }).problems
      expect(found({})).toEqual([])
      return [
        ...found({}, { content: new Uint8Array(32) }),
        ...found({}, { statusEntry: 'ab' }),
        ...found({ labels: { ...sound.row.labels, team: 'evil' } }),
        ...found({ deleted: true }, {}, { damaged: true }),
        ...found({}, {}, { damaged: true }),
        ...found({ offeredEntry: undefined }),
        ...found({ offeredStatusEntry: 'ab' }),
        ...found({}, { vips: Uint8Array.of(0xff) }),
        ...found({}, {}, { ledger: [] }),
        ...found({ origin: 'west' }, {}, { identity: aGlobal }),
        ...found({ exposed: false }),
        ...found({}, { bucket: 1, typeOrder: 7 }),
        ...found({}, { identity: Uint8Array.of(0) }),
      ]
    },
  },
  {
    what: 'answers of a zone that are none',
    at: 'zone',
    said: async () => {
      const asked = async (answers: Readonly<Record<string, unknown>>): Promise<Said> =>
        thrown(async () => {
          for await (const _ of askTestimony('east', async (question) => answers[question], { ledger: true }));
        })
      const witness = { storeId: 's', state: 'ready', cursor: null }
      return [
        ...(await asked({ witness: 7 })),
        ...(await asked({ witness: {} })),
        ...(await asked({ witness, remembered: {} })),
        ...(await asked({ witness, remembered: { items: [{}] } })),
        ...(await asked({ witness, remembered: { items: [], next: 'x' } })),
      ]
    },
  },
  {
    what: 'pages and places of a return that are none',
    at: 'zone',
    said: async () => [
      ...(await thrown(async () => pageOfText('{"rows":[]}'))),
      ...(await thrown(async () => pageOfText('{"rows":[],"blocks":[],"ledger":[],"refused":[]}'))),
      ...(await thrown(async () => placeOf('["rows",1]'))),
    ],
  },
]

test('why something is refused is said as it stands in the golden file', async () => {
  const blocks: string[] = []
  const told = async ({ what, at, said }: Case, ready: boolean): Promise<void> => {
    await using subject = ready
      ? await Subject.ready(openMemory, at)
      : await Subject.open(openMemory, at, at === 'zone' ? 'east' : '')
    const { storeId } = (await subject.store.status()).identity
    blocks.push(
      [
        `# ${what}`,
        ...(await said(subject)).map((line) =>
          line.replaceAll(storeId, 'THIS STORE').replace(/\b[0-9a-f]{32}\b/, 'EPOCH'),
        ),
      ].join('\n'),
    )
  }
  for (const each of bare) await told(each, false)
  for (const each of [...ownChanges, ...offers, ...names, ...zones, ...holds, ...addresses, ...memories])
    await told(each, true)
  const printed = `${blocks.join('\n\n')}\n`
  expect(printed).toBeGolden('errors.txt')
  expect(blocks.filter((each) => !each.includes('\n'))).toEqual([])
  expect(printed).not.toMatch(/^nothing$|^not ours/m)
})
