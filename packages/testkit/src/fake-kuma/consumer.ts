import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf'
import type { KumaResourceParts } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import { decodeObject, KumaFault, type KumaObjects, keyOf } from './objects.js'
import type { Sent } from './provider.js'

export interface ConsumerOptions {
  /** Id of the node in every request: the zone's name, whoever speaks. */
  readonly nodeId: string
  readonly nodeMetadata: JsonObject
  /** Types that it asks for, in this order. */
  readonly types: readonly string[]
  readonly send: (bytes: Buffer) => void
  /** What it acknowledges and drops without a word. */
  readonly drops: (type: string, parts: KumaResourceParts) => boolean
  /** Why it refuses a resource, `undefined` if it does not. */
  readonly refuses: (type: string, parts: KumaResourceParts) => string | undefined
  /** What it has already, from earlier streams; nothing unless said otherwise. It is changed by what comes. */
  readonly store?: Map<string, Map<string, KumaResourceParts>> | undefined
}

/**
 * The receiving end of a stream as a real Kuma has it: one initial request per type back to back, the first response of a type
 * is its whole list and deletes what is not in it, every response is answered once.
 */
export class KumaConsumer {
  readonly received: Sent[] = []
  /** Keys of what was acknowledged and not kept. */
  readonly dropped: string[] = []
  readonly #options: ConsumerOptions
  readonly #held: Map<string, Map<string, KumaResourceParts>>
  /** Keys that a first list did not have, and that are gone for that. */
  readonly lost: string[] = []
  readonly #answered = new Set<string>()
  readonly #nonces = new Set<string>()

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#held = options.store ?? new Map()
  }

  held(): KumaObjects {
    return this.#held
  }

  start(): void {
    const { nodeId: id, nodeMetadata: metadata, types } = this.#options
    for (const typeUrl of types) this.#send({ node: { id, metadata }, typeUrl, resourceNamesSubscribe: ['*'] })
  }

  /** Throws a KumaFault for what a real one would not survive. */
  response(bytes: Uint8Array): void {
    const response = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    const { typeUrl: type, nonce } = response
    if (!this.#options.types.includes(type)) throw new KumaFault('stream', `invalid resource type "${type}"`)
    if (nonce === '') throw new KumaFault('stream', `${type}: a response without a nonce cannot be acknowledged`)
    if (this.#nonces.has(nonce)) throw new KumaFault('stream', `${type}: nonce "${nonce}" came before`)
    this.#nonces.add(nonce)
    const objects = response.resources.map((resource) => decodeObject(type, resource))
    const keys = objects.map(keyOf)
    const twice = keys.find((key, i) => keys.indexOf(key) !== i)
    // It makes each anew that it does not have, and its store has the second one by then.
    if (twice !== undefined) throw new KumaFault('stream', `failed to store ${type} resources: ${twice} already exists`)
    this.received.push({ type, nonce, keys, removed: response.removedResources })

    const refusals = objects.flatMap((parts) => {
      const reason = this.#options.refuses(type, parts)
      return reason === undefined ? [] : [{ key: keyOf(parts), reason }]
    })
    this.#keep(type, objects, response.removedResources, new Set(refusals.map(({ key }) => key)))
    this.#answered.add(type)
    const answer = { node: { id: this.#options.nodeId }, typeUrl: type, responseNonce: nonce }
    if (refusals.length === 0) this.#send(answer)
    else
      this.#send({
        ...answer,
        resourceNamesSubscribe: ['*'],
        errorDetail: { message: refusals.map(({ reason }) => reason).join('\n') },
      })
  }

  #keep(
    type: string,
    objects: readonly KumaResourceParts[],
    removed: readonly string[],
    refused: ReadonlySet<string>,
  ): void {
    const before = this.#held.get(type) ?? new Map<string, KumaResourceParts>()
    const whole = !this.#answered.has(type)
    // Of a whole list only what is refused keeps its older copy.
    const after = new Map([...before].filter(([key]) => (whole ? refused.has(key) : !removed.includes(key))))
    const said = new Set(objects.map(keyOf))
    if (whole)
      this.lost.push(
        ...[...before.keys()].filter((key) => !said.has(key) && !refused.has(key)).map((key) => `${type} ${key}`),
      )
    for (const parts of objects) {
      const key = keyOf(parts)
      if (refused.has(key)) continue
      if (this.#options.drops(type, parts)) this.dropped.push(key)
      else after.set(key, parts)
    }
    this.#held.set(type, after)
  }

  #send(request: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): void {
    this.#options.send(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))))
  }
}
