import {
  decodeKumaResource,
  displayNameLabel,
  type ExportedResource,
  encodeForGlobal,
  encodeForZone,
  fromWire,
  hex,
  type TypeDescriptor,
  toExported,
  typesSentDown,
  typesSentUp,
  utf8,
} from '@holdfast/model'
import { anyResourceOf } from '@holdfast/model/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mesh, type OpenStore, offerOf, putMesh, Subject } from './fixtures.js'

/** Two of one batch must not stand in each other's way: that is another test's subject. */
const apart = (resources: readonly ExportedResource[]): readonly ExportedResource[] => [
  ...new Map(resources.map((each) => [JSON.stringify([each.labels[displayNameLabel] ?? each.name]), each])).values(),
]

const perType = 12
const seed = 20_260

const many = (type: TypeDescriptor, zone: string): readonly ExportedResource[] =>
  apart(fc.sample(anyResourceOf(type, zone), { numRuns: perType, seed }))

/** What a peer sends is what the next one gets: the same bytes, through decoding, the database and encoding. */
export function bytesConformance(open: OpenStore): void {
  test('UNKNOWN: whatever global sends of any type, a zone has the same bytes of it', async () => {
    await using zone = await Subject.ready(open, 'zone')
    const down = zone.channel({ channel: 'down', peer: '' })
    await down.apply({ type: 'Mesh', offers: [offerOf(mesh('default'))] })
    const owners = typesSentDown
      .filter((type) => !type.internal)
      .flatMap((type) => [
        ...(type.globalToZones ? [{ type, owner: '' }] : []),
        ...(type.acrossZones ? [{ type, owner: 'west' }] : []),
      ])
    expect(owners.length).toBeGreaterThan(44)
    for (const { type, owner } of owners) {
      const sent = many(type, owner).map(encodeForZone)
      const heard = sent.map((bytes) => fromWire(type.name, decodeKumaResource(bytes)))
      const { refused } = await down.apply({ type: type.name, offers: heard.map(offerOf) })
      expect([type.name, refused]).toEqual([type.name, []])
      expect(sent.length, type.name).toBeGreaterThan(perType / 3)
      for (const [i, { mesh: meshName, name: stored }] of heard.entries()) {
        const row = await zone.store.read.get({ type: type.name, mesh: meshName, name: stored })
        expect([type.name, row === undefined ? '' : hex(encodeForZone(toExported(row)))]).toEqual([
          type.name,
          hex(sent[i] ?? new Uint8Array(0)),
        ])
      }
    }
  })

  test('UNKNOWN: whatever a zone sends of any type, status included, global has the same bytes of it', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.apply(putMesh('default'))
    const up = global.channel({ channel: 'up', peer: 'east' })
    const statuses = global.channel({ channel: 'status', peer: 'east' })
    expect(typesSentUp.filter((type) => !type.internal).length).toBe(31)
    for (const type of typesSentUp.filter(({ internal }) => !internal)) {
      const status = type.hasStatus ? { status: utf8('{"of":"a newer Kuma","vips":[{"ip":"241.0.0.9"}]}') } : {}
      const sent = many(type, 'east').map((one) => encodeForGlobal({ ...one, ...status }, 'east'))
      const heard = sent.map((bytes) => fromWire(type.name, decodeKumaResource(bytes)))
      const { refused } = await up.apply({ type: type.name, offers: heard.map(offerOf) })
      expect([type.name, refused]).toEqual([type.name, []])
      if (type.hasStatus) await statuses.apply({ type: type.name, offers: heard.map(offerOf) })
      for (const [i, { mesh: meshName, name: stored }] of heard.entries()) {
        const row = await global.store.read.get({ type: type.name, mesh: meshName, name: stored })
        const again = row === undefined ? '' : hex(encodeForGlobal(toExported(row, { status: row.status }), 'east'))
        expect([type.name, again]).toEqual([type.name, hex(sent[i] ?? new Uint8Array(0))])
      }
    }
  })
}
