import { Metadata } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { affinityKey, affinityOf, dialingPeer, dialMetadata, featuresOf, serveMetadata } from './metadata.js'

const metadataOf = (...entries: readonly (readonly [string, string])[]): Metadata => {
  const metadata = new Metadata()
  for (const [key, value] of entries) metadata.add(key, value)
  return metadata
}
const sessionId = '01234567-89ab-cdef-0123-456789abcdef'

test('features come as values, joined, or both', () => {
  expect(featuresOf(metadataOf(['features', 'zone-ping-health, hash-suffix'], ['features', 'x,']))).toEqual([
    'zone-ping-health',
    'hash-suffix',
    'x',
  ])
  expect(featuresOf(new Metadata())).toEqual([])
})

test('what a zone says of itself is what a global reads, features as values of their own', () => {
  const metadata = dialMetadata({ zone: 'east', version: '0.1.0', sessionId })
  expect(metadata.get('features')).toEqual(['zone-ping-health', 'hash-suffix', 'holdfast-1'])
  expect(dialingPeer(metadata, 'sync')).toEqual({
    ok: true,
    peer: {
      zone: 'east',
      version: '0.1.0',
      features: ['zone-ping-health', 'hash-suffix', 'holdfast-1'],
      extension: true,
      sessionId,
    },
  })
})

test('a stock Kuma zone has no session, whatever else it says', () => {
  const metadata = metadataOf(
    ['client-id', 'zone-1'],
    ['features', 'hash-suffix'],
    ['holdfast-session', 'x'],
    ['authorization', 'Bearer t'],
  )
  expect(dialingPeer(metadata, 'sync')).toEqual({
    ok: true,
    peer: { zone: 'zone-1', version: '', features: ['hash-suffix'], extension: false, authorization: 'Bearer t' },
  })
})

test('a missing name has the status that a real global gives', () => {
  expect(
    (['sync', 'other'] as const).map((method) => {
      const found = dialingPeer(metadataOf(['client-id', '']), method)
      return found.ok ? 'ok' : found.end
    }),
  ).toEqual([
    { code: 'UNKNOWN', reason: '"client-id" is not present in metadata' },
    { code: 'INVALID_ARGUMENT', reason: '"client-id" is not present in metadata' },
  ])
})

test('affinity: what a replica says is said again, anything else is nothing, and whoever serves does not look at it', () => {
  expect(affinityOf(serveMetadata('abc-DEF_1'))).toBe('abc-DEF_1')
  for (const odd of ['', 'a b', 'x'.repeat(65), 'a,b'])
    expect(affinityOf(metadataOf([affinityKey, odd]))).toBeUndefined()
  const base = { zone: 'east', version: '', sessionId }
  const [honest, forged, none] = ['abc-DEF_1', 'another', undefined].map((affinity) =>
    dialMetadata({ ...base, affinity }),
  )
  expect([honest, forged, none].map((metadata) => metadata?.get(affinityKey))).toEqual([['abc-DEF_1'], ['another'], []])
  const seen = [honest, forged, none].map((metadata) => dialingPeer(metadata ?? new Metadata(), 'sync'))
  expect([seen[1], seen[2]]).toEqual([seen[0], seen[0]])
})
