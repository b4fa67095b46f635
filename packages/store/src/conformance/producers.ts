import {
  displayNameLabel,
  type ExportedResource,
  envLabel,
  exportName,
  type Json,
  meshLabel,
  namespaceLabel,
  policyRoleLabel,
  typeOf,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import { expect, test } from 'vitest'
import { deleteOf, keyOf, mesh, type OpenStore, offerOf, putMesh, removalOf, Subject } from './fixtures.js'

const toWeb: Json = { kind: 'MeshService', name: 'web' }
const toMesh: Json = { kind: 'Mesh' }

/** A policy of a Kubernetes zone, in export form. */
export function policyOf(zone: string, role: string, targetRef: Json): ExportedResource {
  const type = typeOf('MeshTimeout')
  const labels = {
    [displayNameLabel]: 'slow',
    [envLabel]: 'kubernetes',
    [meshLabel]: 'default',
    [namespaceLabel]: 'shop',
    [policyRoleLabel]: role,
    [zoneLabel]: zone,
  }
  return {
    type: type.name,
    mesh: 'default',
    name: exportName(type, 'default', 'slow', labels),
    labels,
    typeUrl: '',
    spec: utf8(JSON.stringify({ to: [{ targetRef, default: { connectionTimeout: '7s' } }] })),
  }
}

const up = { channel: 'up', peer: 'east' } as const
const producer = policyOf('east', 'producer', toWeb)

/** Policies of zones that live in namespaces: what they say to clients of their services goes on to where those are. */
export function producerConformance(open: OpenStore): void {
  const seenBy = async (global: Subject, zone: string) => {
    const channel = global.channel({ channel: 'down', peer: zone })
    const { offers, removals } = await channel.perform({
      op: 'keys',
      resourceType: 'MeshTimeout',
      keys: [keyOf(producer)],
    })
    const { digest } = await channel.perform({ op: 'mark' })
    return [
      [offers.map(({ resource }) => resource.labels[policyRoleLabel]), removals.map(({ key }) => key)],
      digest.count,
    ] as const
  }

  test('a producer of one zone is seen by the others; what it is no more is said to be gone', async () => {
    await using global = await Subject.ready(open, 'global')
    const east = global.channel(up)
    const [, before] = await seenBy(global, 'west')
    const more = before + 1
    await east.apply({ type: 'MeshTimeout', offers: [offerOf(producer)] })
    expect(await seenBy(global, 'west')).toEqual([[['producer'], []], more])
    expect(await seenBy(global, 'east')).toEqual([[[], []], before])
    // For the zone's own clients alone: kept here as before, and taken from the others.
    await east.apply({ type: 'MeshTimeout', offers: [offerOf(policyOf('east', 'consumer', toMesh))] })
    expect(await seenBy(global, 'west')).toEqual([[[], [keyOf(producer)]], before])
    expect(await global.store.read.get(producer)).toMatchObject({ audience: 'none', deleted: false })
    await east.apply({ type: 'MeshTimeout', offers: [offerOf(producer)] })
    expect(await seenBy(global, 'west')).toEqual([[['producer'], []], more])
    await east.apply({ type: 'MeshTimeout', removals: [removalOf(producer, global.nowMs)] })
    expect(await seenBy(global, 'west')).toEqual([[[], [keyOf(producer)]], before])
  })

  test('one that only says that it is a producer stays where it is, before and after its mesh was away', async () => {
    await using global = await Subject.ready(open, 'global')
    const forged = policyOf('east', 'producer', toMesh)
    await global.channel(up).apply({ type: 'MeshTimeout', offers: [offerOf(forged)] })
    expect((await seenBy(global, 'west'))[0]).toEqual([[], []])
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    await global.apply(putMesh('default'))
    expect(await global.store.read.get(forged)).toMatchObject({ audience: 'none', deleted: false, exposed: false })
    expect((await seenBy(global, 'west'))[0]).toEqual([[], []])
  })

  test('its mesh goes and comes: so does a producer', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.channel(up).apply({ type: 'MeshTimeout', offers: [offerOf(producer)] })
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    expect((await seenBy(global, 'west'))[0]).toEqual([[], [keyOf(producer)]])
    await global.apply(putMesh('default'))
    expect((await seenBy(global, 'west'))[0]).toEqual([['producer'], []])
  })

  test('ATTR: a zone knows whose it is, and says it to nobody', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    const theirs = policyOf('west', 'producer', toWeb)
    const mine = policyOf('east', 'producer', toWeb)
    const { refused } = await down.apply({ type: 'MeshTimeout', offers: [offerOf(theirs), offerOf(mine)] })
    expect(refused).toMatchObject([{ key: keyOf(mine), reason: expect.stringContaining("this zone's own") }])
    expect(await zone.store.read.get(theirs)).toMatchObject({ origin: 'west', namespace: 'shop', displayName: 'slow' })
    const sent = await zone.channel({ channel: 'up', peer: '' }).perform({ op: 'list', resourceType: 'MeshTimeout' })
    expect(sent.offers).toEqual([])
  })
}
