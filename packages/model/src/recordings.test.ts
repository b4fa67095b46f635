import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fromBinary } from '@bufbuild/protobuf'
import { DeltaDiscoveryRequestSchema, type DeltaDiscoveryResponse, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import { describe, expect, test } from 'vitest'
import { hex } from './bytes.js'
import { contentHash } from './content.js'
import { sortedLabels } from './labels.js'
import { exportName, parseWireKey, wireKey } from './names.js'
import type { ExportedResource } from './resource.js'
import { findType, typeOf, typesSentDownToKuma, typesSentUp } from './types.js'
import {
  decodeKumaResource,
  encodeForGlobal,
  encodeForZone,
  encodeKumaResource,
  fromWire,
  kumaResourceTypeUrl,
  kumaVersion,
} from './wire.js'

interface Line {
  readonly stream: number
  readonly method: string
  readonly from?: 'zone' | 'global'
  readonly base64?: string
}

/** One resource as it was sent: by global to a zone (`down`) or by a zone to global (`up`). */
interface Sent {
  readonly direction: 'down' | 'up'
  readonly zone: string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly bytes: Uint8Array
}

const linesOf = (folder: string): readonly Line[] =>
  gunzipSync(readFileSync(new URL(`../testdata/${folder}/conversation.ndjson.gz`, import.meta.url)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

const directions = { GlobalToZoneSync: 'down', ZoneToGlobalSync: 'up' } as const
const directionOf = (method: string): 'down' | 'up' | undefined =>
  method === 'GlobalToZoneSync' || method === 'ZoneToGlobalSync' ? directions[method] : undefined

interface Conversation {
  readonly responses: readonly {
    readonly direction: 'down' | 'up'
    readonly zone: string
    readonly message: DeltaDiscoveryResponse
  }[]
  readonly subscribed: { readonly down: ReadonlySet<string>; readonly up: ReadonlySet<string> }
  readonly sent: readonly Sent[]
}

function conversationOf(folder: string): Conversation {
  const zones = new Map<number, string>()
  const subscribed = { down: new Set<string>(), up: new Set<string>() }
  const responses: { direction: 'down' | 'up'; zone: string; message: DeltaDiscoveryResponse }[] = []
  for (const { stream, method, from, base64 } of linesOf(folder)) {
    const direction = directionOf(method)
    if (direction === undefined || from === undefined || base64 === undefined) continue
    const bytes = Buffer.from(base64, 'base64')
    if ((direction === 'down') === (from === 'zone')) {
      const request = fromBinary(DeltaDiscoveryRequestSchema, bytes)
      zones.set(stream, request.node?.id ?? '')
      if (request.responseNonce === '') subscribed[direction].add(request.typeUrl)
    } else {
      responses.push({
        direction,
        zone: zones.get(stream) ?? '',
        message: fromBinary(DeltaDiscoveryResponseSchema, bytes),
      })
    }
  }
  const sent = responses.flatMap(({ direction, zone, message }) =>
    message.resources.map((resource): Sent => {
      expect(resource.resource?.typeUrl).toBe(kumaResourceTypeUrl)
      const bytes = resource.resource?.value ?? new Uint8Array(0)
      return { direction, zone, type: message.typeUrl, name: resource.name, version: resource.version, bytes }
    }),
  )
  return { responses, subscribed, sent }
}

const exported = (sent: Sent): ExportedResource => fromWire(sent.type, decodeKumaResource(sent.bytes))
const contentOf = (sent: Sent): string => hex(contentHash(exported(sent)))

describe.each([
  ['2.13.10', 192],
  ['2.13.10-no-suffix', 190],
  ['2.14.3', 184],
  ['2.14.3-no-suffix', 187],
])('Kuma %s', (folder, resourceCount) => {
  const { responses, subscribed, sent } = conversationOf(folder)

  test('as many resources as were recorded, in both directions', () => {
    expect(sent.length).toBe(resourceCount)
    expect([...new Set(sent.map((each) => each.direction))].sort()).toEqual(['down', 'up'])
  })

  test('every resource decodes and encodes to the same bytes, and its version is their hash', () => {
    for (const each of sent) {
      expect(hex(encodeKumaResource(decodeKumaResource(each.bytes)))).toBe(hex(each.bytes))
      expect(kumaVersion(each.bytes)).toBe(each.version)
    }
  })

  test('from export form every resource is encoded for its direction as Kuma did', () => {
    for (const each of sent) {
      const again =
        each.direction === 'down' ? encodeForZone(exported(each)) : encodeForGlobal(exported(each), each.zone)
      expect([each.name, hex(again)]).toEqual([each.name, hex(each.bytes)])
    }
  })

  test('every name follows from the labels, and every key from name and mesh', () => {
    for (const each of sent) {
      const { name, mesh, labels } = decodeKumaResource(each.bytes)
      expect(wireKey(mesh, name)).toBe(each.name)
      expect(parseWireKey(each.name)).toEqual({ mesh, name })
      expect(exportName(typeOf(each.type), mesh, name, labels)).toBe(name)
    }
  })

  test('every spec has the encoding of its type, and status exactly where the type has one', () => {
    for (const each of sent) {
      const { encoding, hasStatus, scope } = typeOf(each.type)
      const { typeUrl, status, mesh } = decodeKumaResource(each.bytes)
      expect([each.name, typeUrl]).toEqual([each.name, encoding.kind === 'json' ? '' : encoding.typeUrl])
      expect([each.name, status !== undefined]).toEqual([each.name, hasStatus])
      expect([each.name, mesh !== '']).toEqual([each.name, scope === 'mesh'])
    }
  })

  test('EQ: what a zone sent up and what the other zone got of it have one content hash', () => {
    const up = new Set(sent.filter((each) => each.direction === 'up').map((each) => `${each.name} ${contentOf(each)}`))
    const ofZones = sent.filter(
      (each) => each.direction === 'down' && exported(each).labels['kuma.io/zone'] !== undefined,
    )
    expect(ofZones.length).toBeGreaterThan(10)
    for (const each of ofZones)
      expect([each.name, up.has(`${each.name} ${contentOf(each)}`)]).toEqual([each.name, true])
  })

  test('a change of status is a new version to Kuma and no change of content', () => {
    const up = sent.filter((each) => each.direction === 'up' && each.type === 'MeshService')
    const whatOriginOwns = (each: Sent) => {
      const { name, labels, typeUrl, spec } = exported(each)
      return JSON.stringify([name, sortedLabels(labels), typeUrl, hex(spec)])
    }
    const contents = new Map(up.map((each) => [whatOriginOwns(each), `${each.name} ${contentOf(each)}`]))
    for (const each of up) expect(contents.get(whatOriginOwns(each))).toBe(`${each.name} ${contentOf(each)}`)
    expect(new Set(contents.values()).size).toBe(contents.size)
    expect(contents.size).toBeLessThan(new Set(up.map((each) => each.version)).size)
  })

  test('every removed key parses, and belongs to something that was sent', () => {
    const names = new Set(sent.map((each) => each.name))
    const removed = responses.flatMap(({ message }) => message.removedResources)
    expect(removed.length).toBeGreaterThan(0)
    for (const key of removed) expect([key, names.has(key)]).toEqual([key, true])
  })

  test('the types subscribed to are those of the table for this version', () => {
    const wanted = (types: typeof typesSentUp) =>
      types
        .filter((type) => type.since === undefined || folder.startsWith(type.since))
        .map((type) => type.name)
        .sort()
    expect([...subscribed.down].sort()).toEqual(wanted(typesSentDownToKuma))
    expect([...subscribed.up].sort()).toEqual(wanted(typesSentUp))
    for (const { message } of responses) expect(findType(message.typeUrl)?.name).toBe(message.typeUrl)
  })
})
