import { protectionLabel, quotaBytesLabel, quotaRateLabel, quotaResourcesLabel } from '@holdfast/model'
import { expect, test } from 'vitest'
import { askedBy } from '../asked-by.js'
import type { LocalChange } from '../port.js'
import {
  actor,
  hello,
  type OpenStore,
  offerOf,
  otherStoreId,
  putMesh,
  putService,
  removalOf,
  Subject,
  service,
  serviceKey,
} from './fixtures.js'

const meshKey = (name: string) => ({ type: 'Mesh', mesh: '', name })
const zoneKey = { type: 'Zone', mesh: '', name: 'east' }
const typeUrl = 'type.googleapis.com/kuma.system.v1alpha1.Zone'
const putZone = (labels: Readonly<Record<string, string>>): LocalChange => ({
  change: 'put',
  key: zoneKey,
  content: { labels, typeUrl, spec: Uint8Array.of(0x0a, 0x02, 0x08, 0x01) },
  namespace: '',
  displayName: 'east',
  wantsVip: false,
})
const pauseEast = { zone: 'east', paused: true, actor, reason: 'its database moves' }
const resumeEast = { zone: 'east', paused: false, actor, reason: '' }

/** What an operator stops on purpose. */
export function brakeConformance(open: OpenStore): void {
  test('whatever somebody does says in the audit from where it was asked; what the store does meanwhile by itself does not', async () => {
    await using global = await Subject.ready(open, 'global')
    const { store } = global
    const readOnly = { readOnly: true, actor, reason: 'its database moves' }
    await askedBy.run({ actor, source: '192.0.2.7' }, async () => {
      await store.brakes.readOnly(readOnly)
      await store.brakes.readOnly({ ...readOnly, actor: 'holdfast', readOnly: false })
    })
    await store.brakes.readOnly(readOnly)
    const lines = (await store.read.audit(3)).map((line) => [line.actor, line.detail.from]).reverse()
    expect(lines).toEqual([
      [actor, '192.0.2.7'],
      ['holdfast', undefined],
      [actor, undefined],
    ])
  })

  const met = async () => {
    const global = await Subject.ready(open, 'global')
    const admit = () =>
      global
        .channel({ channel: 'down', peer: 'east' })
        .perform({ op: 'admit', hello: hello(otherStoreId), nowMs: global.nowMs })
    expect(await admit()).toMatchObject({ admitted: true })
    return { global, admit }
  }

  test('a zone that is paused is not let in, whatever it speaks, and nothing of it changes; resumed, it is', async () => {
    const { global, admit } = await met()
    await using _ = global
    const up = global.channel({ channel: 'up', peer: 'east' })
    const web = service({ name: 'web', zone: 'east', vips: { addresses: ['241.200.0.7'], generation: 1 } })
    await up.apply({ type: 'MeshService', offers: [offerOf(web)] })
    const revision = await global.revision()
    expect(await global.store.brakes.pause(pauseEast)).toEqual({
      zone: 'east',
      changed: true,
      paused: { by: actor, atMs: global.nowMs, reason: 'its database moves' },
    })
    expect(await admit()).toMatchObject({ admitted: false, reason: expect.stringMatching(/is paused at global by/) })
    const told = { reason: expect.stringMatching(/its database moves.*holdfastctl zone resume east/) }
    expect(await global.store.sessions.meetPlain('east')).toMatchObject({ admitted: false, ...told })
    expect(await global.store.sessions.pausedZones(['east', 'west'])).toMatchObject([{ zone: 'east', ...told }])
    // No removal, no hold, no address: others hear of nothing.
    expect(await global.revision()).toBe(revision)
    expect(await global.store.read.get(web)).toMatchObject({ vips: { addresses: ['241.200.0.7'] } })
    expect(await global.store.read.holds()).toEqual([])
    // Twice changes nothing, and who was first stays who did it.
    global.pass(1_000)
    expect(await global.store.brakes.pause({ ...pauseEast, actor: 'another' })).toMatchObject({
      changed: false,
      paused: { by: actor },
    })
    expect(await global.store.brakes.pause(resumeEast)).toEqual({ zone: 'east', changed: true, paused: undefined })
    expect(await admit()).toMatchObject({ admitted: true })
    expect(await global.store.brakes.pause(resumeEast)).toMatchObject({ changed: false })
    const [resumed, paused] = await global.store.read.audit(2)
    expect([resumed, paused]).toMatchObject([
      { action: 'zone resumed', subject: 'Zone "east"', detail: { pausedBy: actor } },
      { action: 'zone paused', subject: 'Zone "east"', detail: { reason: 'its database moves' } },
    ])
  })

  test('OWN: what is under way of a zone that is paused is void from that commit on', async () => {
    const { global } = await met()
    await using _ = global
    const sessionId = '0a0a0a0a-0000-4000-8000-000000000001'
    const { fence } = await global.store.sessions.open({
      sessionId,
      peer: 'east',
      instanceId: 'global-1',
      peerInstanceId: 'east-1',
      peerVersion: '0.1.0',
      extension: true,
    })
    const up = global.channel({ channel: 'up', peer: 'east', fence: { sessionId, fence } })
    await global.store.brakes.pause(pauseEast)
    const late = up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east' }))] })
    await expect(late).rejects.toMatchObject({ name: 'Fenced' })
  })

  test('a zone that nobody knows, or that was never met, is not paused', async () => {
    await using global = await Subject.ready(open, 'global')
    await expect(global.store.brakes.pause(pauseEast)).rejects.toMatchObject({ kind: 'missing' })
    await global.apply(putZone({}))
    await expect(global.store.brakes.pause(pauseEast)).rejects.toMatchObject({ kind: 'conflict' })
  })

  test('read-only: what operators ask is refused with who has set it; what zones say is kept', async () => {
    const { global } = await met()
    await using _ = global
    const made = await global.store.brakes.readOnly({ readOnly: true, actor: 'alice', reason: 'an upgrade' })
    expect(made).toMatchObject({ changed: true, readOnly: { by: 'alice', reason: 'an upgrade' } })
    expect((await global.store.status()).readOnly).toEqual({ by: 'alice', atMs: global.nowMs, reason: 'an upgrade' })
    const { signal } = new AbortController()
    const asked = { changes: [putMesh('shop')], atomic: true, actor, heedsReadOnly: true }
    await expect(global.store.local.apply(asked, { signal })).rejects.toMatchObject({
      kind: 'readOnly',
      message: expect.stringMatching(/alice.*an upgrade.*holdfastctl read-only off/),
    })
    // A dry run changes nothing; nor does what global does by itself wait for operators.
    const [dry] = await global.store.local.apply({ ...asked, dryRun: true }, { signal })
    expect(dry?.outcome).toBe('created')
    const up = global.channel({ channel: 'up', peer: 'east' })
    const offers = [offerOf(service({ name: 'web', zone: 'east' }))]
    expect(await up.apply({ type: 'MeshService', offers })).toMatchObject({ refused: [], writtenRows: 1 })
    const again = { readOnly: true, actor: 'bob', reason: '' }
    expect(await global.store.brakes.readOnly(again)).toMatchObject({ changed: false, readOnly: { by: 'alice' } })
    expect(await global.store.brakes.readOnly({ ...again, readOnly: false })).toMatchObject({ changed: true })
    expect((await global.store.local.apply(asked, { signal })).map((o) => o.outcome)).toEqual(['created'])
  })

  test('ISO: over its quota a zone has what is too much refused by name; the rest, changes and removals flow', async () => {
    const { global } = await met()
    await using _ = global
    await global.apply(putZone({ [quotaResourcesLabel]: '2' }))
    const up = global.channel({ channel: 'up', peer: 'east' })
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => service({ name, zone: 'east' }))
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four services')
    const first = await up.apply({ type: 'MeshService', offers: [a, b, c].map(offerOf) })
    expect(first.refused).toMatchObject([
      { key: expect.stringContaining(c.name), reason: expect.stringMatching(/at most 2 resources.*quota-resources/) },
    ])
    expect(await global.store.read.get(c)).toBeUndefined()
    // What does not grow goes on; what is removed makes room.
    const changed = service({ name: 'a', zone: 'east', port: 81 })
    expect((await up.apply({ type: 'MeshService', offers: [offerOf(changed)] })).refused).toEqual([])
    await up.apply({ type: 'MeshService', removals: [removalOf(b, global.nowMs)] })
    expect((await up.apply({ type: 'MeshService', offers: [offerOf(c)] })).refused).toEqual([])
    expect(await global.store.read.refused()).toEqual([])
    expect((await up.apply({ type: 'MeshService', offers: [offerOf(d)] })).refused).toHaveLength(1)
    // West is another zone.
    const west = global.channel({ channel: 'up', peer: 'west' })
    const ofWest = ['a', 'b', 'c'].map((name) => offerOf(service({ name, zone: 'west' })))
    expect((await west.apply({ type: 'MeshService', offers: ofWest })).refused).toEqual([])
  })

  test('ISO: a quota of bytes, and one of changes a minute, which lets pass in the next', async () => {
    const { global } = await met()
    await using _ = global
    const up = global.channel({ channel: 'up', peer: 'east' })
    const web = service({ name: 'web', zone: 'east' })
    await global.apply(putZone({ [quotaBytesLabel]: String(web.spec.length) }))
    const both = [web, service({ name: 'api', zone: 'east' })].map(offerOf)
    const bytes = await up.apply({ type: 'MeshService', offers: both })
    expect(bytes.refused).toMatchObject([{ reason: expect.stringMatching(/bytes of specs/) }])
    await global.apply(putZone({ [quotaRateLabel]: '2' }))
    global.pass(60_001)
    const three = ['p', 'q', 'r'].map((name) => offerOf(service({ name, zone: 'east' })))
    const fast = await up.apply({ type: 'MeshService', offers: three })
    expect(fast.refused).toMatchObject([{ reason: expect.stringMatching(/at most 2 resources a minute/) }])
    global.pass(60_001)
    expect((await up.apply({ type: 'MeshService', offers: three })).refused).toEqual([])
  })

  test('what is protected is not deleted by an operator, nor its mesh, nor its zone', async () => {
    const { global } = await met()
    await using _ = global
    const guarded = putMesh('shop')
    if (guarded.change !== 'put') throw new Error('a put')
    const labels = { ...guarded.content.labels, [protectionLabel]: 'true' }
    await global.apply({ ...guarded, content: { ...guarded.content, labels } })
    const [mesh] = await global.apply({ change: 'delete', key: meshKey('shop') })
    expect(mesh).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
    await global.apply(guarded)
    const [gone] = await global.apply({ change: 'delete', key: meshKey('shop') })
    expect(gone).toMatchObject({ outcome: 'deleted' })
    await global.apply(putZone({ [protectionLabel]: 'true' }))
    const [zone] = await global.apply({ change: 'delete', key: zoneKey })
    expect(zone).toMatchObject({ outcome: 'refused', problem: { message: expect.stringMatching(/protected/) } })
    const out = { zone: 'east', actor, apply: false }
    await expect(global.store.returns.decommission(out)).rejects.toMatchObject({ kind: 'conflict' })
  })

  test('a service that is protected keeps its mesh', async () => {
    await using zone = await Subject.ready(open, 'zone')
    await zone.apply(putMesh('shop'))
    const web = putService('web', { mesh: 'shop' })
    if (web.change !== 'put') throw new Error('a put')
    const labels = { ...web.content.labels, [protectionLabel]: 'true' }
    await zone.apply({ ...web, content: { ...web.content, labels } })
    const [service] = await zone.apply({ change: 'delete', key: serviceKey('web', 'shop') })
    expect(service).toMatchObject({ outcome: 'refused', problem: { kind: 'conflict' } })
    const [mesh] = await zone.apply({ change: 'delete', key: meshKey('shop') })
    expect(mesh).toMatchObject({ outcome: 'refused', problem: { message: expect.stringMatching(/MeshService "web"/) } })
  })
}
