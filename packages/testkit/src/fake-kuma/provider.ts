import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { kumaResourceTypeUrl } from '@holdfast/model'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '@holdfast/proto'
import { encodeObject, KumaFault, type KumaObjects } from './objects.js'

/** Ways in which a provider may be worse than a real one. */
export interface ProviderFlaws {
  /** Types whose initial request it does not answer. */
  readonly withholds?: readonly string[]
  /** Does not answer for types that it does not know. */
  readonly ignoresUnknown?: boolean
  readonly nonce?: (count: number) => string
  readonly resendsRefused?: boolean
  /** @param stream counts the streams of the process */
  readonly version?: (hash: string, stream: number) => string
}

export interface ProviderOptions {
  readonly flaws?: ProviderFlaws | undefined
  /** Control plane identifier: `global` or the zone's name. */
  readonly identifier: string
  /** Id that the node of every request must have. */
  readonly nodeId: string
  /** Types that it knows; others get an empty response. */
  readonly types: readonly string[]
  readonly objects: () => KumaObjects
  readonly send: (bytes: Buffer) => void
}

/** What was said about a response. */
export interface Verdict {
  readonly type: string
  readonly nonce: string
  /** `undefined`: acknowledged. */
  readonly refusal?: string | undefined
}

/** Responses that went out, by what they carried. */
export interface Sent {
  readonly type: string
  readonly nonce: string
  readonly keys: readonly string[]
  readonly removed: readonly string[]
}

let streams = 0

interface Subscription {
  /** Believed to be held once it was *sent*: that is what a real Kuma believes. */
  readonly returned: Map<string, string>
  /** The consumer has spoken since the last response, so a change may be sent. */
  armed: boolean
}

/**
 * The sending end of a stream as a real Kuma's delta server has it: an initial request is always answered with the whole list,
 * then one response per type until its ACK or NACK, whatever changed meanwhile in one.
 */
export class KumaProvider {
  readonly verdicts: Verdict[] = []
  readonly sent: Sent[] = []
  readonly #options: ProviderOptions
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #stream: number
  #nonce = 0

  constructor(options: ProviderOptions) {
    this.#options = options
    streams += 1
    this.#stream = streams
  }

  /** Throws a KumaFault for what a real one would not survive. */
  request(bytes: Uint8Array): void {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes)
    if (request.node === undefined) throw new KumaFault('crash', 'nil dereference: a request without a node')
    if (request.node.id !== this.#options.nodeId)
      throw new KumaFault('stream', `node id "${request.node.id}" has no snapshot here`)
    const type = request.typeUrl
    const initial = request.responseNonce === ''
    if (!initial) {
      const refusal = request.errorDetail?.message
      this.verdicts.push({ type, nonce: request.responseNonce, ...(refusal === undefined ? {} : { refusal }) })
    }
    const known = this.#subscriptions.get(type)
    const subscription = known ?? {
      returned: new Map(Object.entries(request.initialResourceVersions)),
      armed: true,
    }
    this.#subscriptions.set(type, subscription)
    subscription.armed = true
    if (this.#options.flaws?.resendsRefused === true && request.errorDetail !== undefined) subscription.returned.clear()
    this.#offer(type, subscription, initial)
  }

  /** The objects have changed. */
  changed(): void {
    for (const [type, subscription] of this.#subscriptions)
      if (subscription.armed) this.#offer(type, subscription, false)
  }

  #offer(type: string, subscription: Subscription, evenEmpty: boolean): void {
    const { flaws } = this.#options
    if (flaws?.withholds?.includes(type) === true) return
    if (flaws?.ignoresUnknown === true && !this.#options.types.includes(type)) return
    const wanted = this.#options.types.includes(type) ? (this.#options.objects().get(type) ?? new Map()) : new Map()
    const encoded = [...wanted].map(([key, parts]) => {
      const { bytes, version } = encodeObject(parts)
      return { key, bytes, version: flaws?.version?.(version, this.#stream) ?? version }
    })
    const changed = encoded.filter(({ key, version }) => subscription.returned.get(key) !== version)
    const removed = [...subscription.returned.keys()].filter((key) => !wanted.has(key))
    if (changed.length === 0 && removed.length === 0 && !evenEmpty) return
    this.#nonce += 1
    const nonce = flaws?.nonce?.(this.#nonce) ?? String(this.#nonce)
    subscription.armed = false
    for (const { key, version } of changed) subscription.returned.set(key, version)
    for (const key of removed) subscription.returned.delete(key)
    this.sent.push({ type, nonce, keys: changed.map(({ key }) => key), removed })
    const response = create(DeltaDiscoveryResponseSchema, {
      resources: changed.map(({ key, bytes, version }) => ({
        version,
        resource: { $typeName: 'google.protobuf.Any' as const, typeUrl: kumaResourceTypeUrl, value: bytes },
        name: key,
      })),
      typeUrl: type,
      nonce,
      removedResources: removed,
      controlPlane: { identifier: this.#options.identifier },
    })
    this.#options.send(Buffer.from(toBinary(DeltaDiscoveryResponseSchema, response)))
  }
}
