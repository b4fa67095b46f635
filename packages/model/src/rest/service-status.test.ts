import { expect, test } from 'vitest'
import { utf8 } from '../bytes.js'
import { typeOf } from '../types.js'
import { statusVips, statusWithVips } from './service-status.js'

const told = (type: string, status: string | undefined, ...addresses: readonly string[]): string =>
  Buffer.from(statusWithVips(typeOf(type), status === undefined ? undefined : utf8(status), addresses)).toString()

test('a status tells the addresses that its zone has given, in the words of its kind', () => {
  expect([
    told('MeshService', undefined, '241.16.0.1', 'fd00::1'),
    told(
      'MeshService',
      '{"addresses":[{"hostname":"a"}],"tls":{"status":"Ready"},"dataplaneProxies":{}}',
      '241.16.0.1',
    ),
    told('MeshExternalService', undefined, '242.16.0.1', 'fd00::1'),
    told('MeshService', undefined),
    told('MeshService', '{"vips":[{"ip":"241.0.0.1"}],"tls":{}}', '241.16.0.1'),
  ]).toEqual([
    '{"vips":[{"ip":"241.16.0.1"},{"ip":"fd00::1"}],"tls":{},"dataplaneProxies":{}}',
    '{"addresses":[{"hostname":"a"}],"vips":[{"ip":"241.16.0.1"}],"tls":{"status":"Ready"},"dataplaneProxies":{}}',
    '{"vip":{"ip":"242.16.0.1"}}',
    '{"tls":{},"dataplaneProxies":{}}',
    '{"vips":[{"ip":"241.0.0.1"}],"tls":{}}',
  ])
})

test('addresses are read from a status of any kind, in canonical text, and what is none is left out', () => {
  const read = (text: string) => statusVips(utf8(text))
  expect([
    read('{"vips":[{"ip":"241.0.0.1"},{"ip":"FD00:0::1"},{"ip":"x"},{},7]}'),
    read('{"vip":{"ip":"242.0.0.1"}}'),
    read('{"vip":{}}'),
    read('[]'),
    read('no'),
    statusVips(undefined),
  ]).toEqual([['241.0.0.1', 'fd00::1'], ['242.0.0.1'], [], [], [], []])
})
