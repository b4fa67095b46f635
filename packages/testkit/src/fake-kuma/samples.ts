import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { displayNameLabel, exportName, meshLabel, originLabel, typeOf, utf8, zoneLabel } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, NodeSchema } from '@holdfast/proto'
import { wireResource } from './crude.js'

/** What a Kuma zone and one of ours would say on its two streams, as bytes: to be spoilt. */
export function sampleMessages(zone: string): readonly [Uint8Array, ...Uint8Array[]] {
  const request = (fields: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Uint8Array => {
    const message = create(DeltaDiscoveryRequestSchema, fields)
    message.node = create(NodeSchema, { id: zone })
    return toBinary(DeltaDiscoveryRequestSchema, message)
  }
  const labels = {
    [displayNameLabel]: 'web',
    [originLabel]: 'zone',
    [zoneLabel]: zone,
    [meshLabel]: 'default',
  }
  const name = exportName(typeOf('MeshService'), 'default', 'web', labels)
  const spec = utf8('{"selector":{},"ports":[{"port":80,"targetPort":80}]}')
  const response = create(DeltaDiscoveryResponseSchema, {
    typeUrl: 'MeshService',
    nonce: '1',
    resources: [wireResource({ name, mesh: 'default', labels, typeUrl: '', spec })],
    removedResources: ['gone.default'],
  })
  return [
    request({ typeUrl: 'MeshService', resourceNamesSubscribe: ['*'] }),
    request({ typeUrl: 'Mesh', responseNonce: '1' }),
    request({ typeUrl: 'Mesh', responseNonce: '1', errorDetail: { message: 'no' }, resourceNamesSubscribe: ['*'] }),
    request({ holdfast: { body: { case: 'hello', value: { hashAlgorithm: 1, state: 'ready', version: '0.1.0' } } } }),
    toBinary(DeltaDiscoveryResponseSchema, response),
  ]
}
