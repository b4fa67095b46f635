import { Problem } from '@holdfast/model'
import { expect, test } from 'vitest'
import {
  type AdminKind,
  type AdminQuestion,
  adminKinds,
  adminPathOf,
  decodeAdminAnswer,
  decodeAdminRequest,
  encodeAdminAnswer,
  encodeAdminRequest,
} from './messages.js'

const question = (kind: AdminKind, more: Partial<AdminQuestion> = {}): AdminQuestion => ({
  kind,
  resourceType: 'Dataplane',
  name: 'dp',
  mesh: 'm',
  format: 'text',
  includeEds: false,
  usedOnly: false,
  ...more,
})

test('the streams and the bytes of questions and answers are those of Kuma', () => {
  expect(adminPathOf).toEqual({
    xds: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamXDSConfigs',
    stats: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamStats',
    clusters: '/kuma.mesh.v1alpha1.GlobalKDSService/StreamClusters',
  })
  const hex = (bytes: Buffer) => bytes.toString('hex')
  const named = '0a0131120944617461706c616e651a02647022016d'
  expect({
    xds: hex(encodeAdminRequest('1', question('xds', { includeEds: true }))),
    stats: hex(encodeAdminRequest('1', question('stats', { format: 'json', usedOnly: true }))),
    clusters: hex(encodeAdminRequest('1', question('clusters', { format: 'json' }))),
    plain: hex(encodeAdminRequest('1', question('clusters'))),
    config: hex(encodeAdminAnswer('xds', { requestId: '1', body: Buffer.from('{}') })),
    error: hex(encodeAdminAnswer('stats', { requestId: '1', error: 'no' })),
  }).toEqual({
    xds: `${named}2801`,
    stats: `${named}28013001`,
    clusters: `${named}2801`,
    plain: named,
    config: '0a01311a027b7d',
    error: '0a013112026e6f',
  })
})

test('what is written is read', () => {
  for (const kind of adminKinds)
    for (const format of kind === 'xds' ? (['text'] as const) : (['text', 'json'] as const)) {
      const asked = question(kind, { format, includeEds: kind === 'xds', usedOnly: kind === 'stats' })
      expect(decodeAdminRequest(kind, encodeAdminRequest('id', asked))).toEqual({ requestId: 'id', ...asked })
      const body = Buffer.from([1, 2])
      expect(decodeAdminAnswer(kind, encodeAdminAnswer(kind, { requestId: 'id', error: 'x' }))).toEqual({
        requestId: 'id',
        error: 'x',
      })
      expect(decodeAdminAnswer(kind, encodeAdminAnswer(kind, { requestId: 'id', body }))).toEqual({
        requestId: 'id',
        body,
      })
    }
})

test('an answer without a result is an empty one, as a Kuma says it; without an id it is none', () => {
  expect(decodeAdminAnswer('stats', Buffer.from('0a0131', 'hex'))).toEqual({ requestId: '1', body: new Uint8Array() })
  expect(() => decodeAdminAnswer('stats', Buffer.alloc(0))).toThrow(Problem)
  expect(() => decodeAdminRequest('xds', Buffer.alloc(0))).toThrow('without a request_id')
  expect(() => decodeAdminAnswer('xds', Buffer.from('0aff', 'hex'))).toThrow(/not a XDSConfigResponse/)
})
