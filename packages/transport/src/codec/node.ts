import { create, type JsonObject, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { type Node, NodeSchema } from '@holdfast/proto'
import { malformed } from './fields.js'

/** What one control plane tells about itself in the node of a first request. */
export interface NodeDescription {
  /** Build version, for example `0.1.0`. */
  readonly version: string
  /** New at every process start, kept over reconnects. */
  readonly instanceId: string
  /** Node features, not those of the request metadata: they decide what a sender may offer. */
  readonly features: readonly string[]
  /** Configuration as JSON text, passwords hidden; '' from a global. */
  readonly config: string
}

/** All five that Kuma 2.13 to master know: without one of them a real global withholds or renames resources. */
export const nodeFeatures: readonly string[] = [
  'zone-token',
  'hash-suffix',
  'hg-mz-selector',
  'producer-policy-flow',
  'optional-top-level-target-ref',
]

/** Node bytes of an initial request towards a Kuma, which reads them from whichever request comes first. */
export const fullNode = (id: string, description: NodeDescription): Uint8Array =>
  toBinary(NodeSchema, create(NodeSchema, { id, metadata: metadataOf(description) }))

/** Towards a Holdfast peer: who this is and how it stores; 10 KB of configuration are fetched when somebody asks. */
export interface MinimalDescription {
  readonly instanceId: string
  /** Kuma's words: `postgres`. */
  readonly storeType: string
  /** Kuma's words: `universal` or `kubernetes`. */
  readonly environment: string
}

/** Node of the hello. */
export const minimalNode = (id: string, { instanceId, storeType, environment }: MinimalDescription): Node =>
  create(NodeSchema, {
    id,
    metadata: {
      config: JSON.stringify({ environment, store: { type: storeType } }),
      'control-plane-id': instanceId,
    },
  })

/** Node of every other request: a real Kuma looks its snapshot up by the id and dies without it. */
export const bareNode = (id: string): Node => create(NodeSchema, { id })

// Keys in alphabetical order: a Struct is a map without one, and equal nodes shall be equal bytes.
const metadataOf = ({ version, instanceId, features, config }: NodeDescription): JsonObject => ({
  config,
  'control-plane-id': instanceId,
  features: [...features],
  version: { kumaCp: { version } },
})

/** Reads a node's metadata as Kuma writes it. What is absent or of another kind is '' or empty: nothing depends on it. */
export function describedBy(node: Node): NodeDescription | undefined {
  if (node.metadata === undefined) return undefined
  const { metadata } = node
  return {
    version: textAt(objectAt(objectAt(metadata, 'version'), 'kumaCp'), 'version'),
    instanceId: textAt(metadata, 'control-plane-id'),
    features: listAt(metadata, 'features').filter((feature) => typeof feature === 'string'),
    config: textAt(metadata, 'config'),
  }
}

const textAt = (object: JsonObject, key: string): string => {
  const value = object[key]
  return typeof value === 'string' ? value : ''
}

const listAt = (object: JsonObject, key: string): readonly JsonValue[] => {
  const value = object[key]
  return Array.isArray(value) ? value : []
}

const objectAt = (object: JsonObject, key: string): JsonObject => {
  const value = object[key]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

/** The node of a request must be there and name the zone of the connection, whoever speaks. */
export function checkedNode(node: Node | undefined, zone: string): Node {
  if (node === undefined) throw malformed('node', 'is missing; it must be in every request')
  if (node.id !== zone) throw malformed('node.id', `must be "${zone}", the zone of this connection, not "${node.id}"`)
  return node
}
