import { randomBytes, randomUUID } from 'node:crypto'
import { createAnswerer } from '@holdfast/api'
import {
  computedLabels,
  displayNameLabel,
  type ExportedResource,
  jsonSpec,
  namespaceLabel,
  typeOf,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import { sessionMetrics } from '@holdfast/peer'
import { asControlPlane, type ControlPlaneStore, type Image, LiveImage, MemoryStore } from '@holdfast/store'
import type { DialTls } from '@holdfast/transport'
import { ZoneRuntime } from '@holdfast/zone'
import pino from 'pino'
import { Registry } from 'prom-client'
import { storeWith, ToldServices } from './told-services.js'

const log = pino({ level: process.env.HOLDFAST_BENCH_LOG ?? 'silent' }, pino.destination(2))
const signal = new AbortController().signal

export interface Session {
  readonly sessionId: string
  /** Resources that had come when both ends were proven equal, but for as many as were changed in this session. */
  readonly received: number
  readonly bytes: number
  /** How the session before it has ended. */
  readonly after: string
}

export interface StubZoneOptions {
  /** What another zone keeps, which owns nothing either: this one begins with the same, and need not be told it. */
  readonly image?: Image | undefined
  /** Where global is dialled over TLS. */
  readonly tls?: DialTls | undefined
  /** Called with each service of others that it had not got so. */
  readonly onTold?: ((resource: ExportedResource) => void) | undefined
  /** What stands before its store. */
  readonly around?: ((store: ControlPlaneStore) => ControlPlaneStore) | undefined
}

/**
 * A zone with the runtime of the product over real sockets, and a store in memory: many of them fit into one process. Services of
 * others it holds as `ToldServices` do, unless it began with an image, which has them already.
 */
export class StubZone {
  readonly name: string
  readonly store: ControlPlaneStore
  readonly sessions: Session[] = []
  readonly #memory: MemoryStore
  readonly #told: ToldServices
  readonly #options: ConstructorParameters<typeof ZoneRuntime>[0]
  #runtime: ZoneRuntime
  /** Keys of services of others, once they are known: a look through all of them costs as much as all of them. */
  readonly #keys = new Map<string, string>()
  #begun: { readonly sessionId: string; readonly changes: number } | undefined

  constructor(
    name: string,
    globalAddresses: readonly string[],
    { image, tls, onTold, around = (store) => store }: StubZoneOptions = {},
  ) {
    this.name = name
    this.#told = new ToldServices(onTold)
    this.#memory = new MemoryStore({
      identity: { role: 'zone', name, storeId: randomUUID() },
      nowMs: Date.now,
      hexDigits: (length) =>
        randomBytes(Math.ceil(length / 2))
          .toString('hex')
          .slice(0, length),
    })
    if (image !== undefined) this.#memory.restore(image)
    const memory = asControlPlane(this.#memory)
    this.store = around(image === undefined ? storeWith(this.#told, memory) : memory)
    const answer = createAnswerer({ store: this.store, mode: 'federated', zoneName: name })
    this.#options = {
      store: this.store,
      zone: name,
      globalAddresses,
      version: '0.1.0',
      instanceId: `${name}-stub`,
      nodeConfig: { storeType: 'memory', environment: 'universal', full: '{}' },
      wantedCidrs: [],
      answer: async (question, body) => JSON.stringify(await answer(question, JSON.parse(body))),
      log,
      metrics: sessionMetrics(new Registry()),
      ...(tls === undefined ? {} : { credentials: async () => ({ tls }) }),
    }
    this.#runtime = new ZoneRuntime(this.#options)
  }

  async start(): Promise<void> {
    if ((await this.store.status()).state === 'uninitialised')
      await this.store.initialise({ actor: 'bench', random: randomBytes(16) })
    this.#runtime.start((reason) => {
      throw new Error(`${this.name} may not join: ${reason}`)
    })
  }

  /** Ends its session; `start` dials again. */
  async leave(): Promise<void> {
    await this.#runtime.close()
    this.#runtime = new ZoneRuntime(this.#options)
  }

  /**
   * What it keeps now, to be shared by any number of others, which keep only what differs. The history of its addresses
   * stays behind: nobody who owns nothing asks for it, and each would have a copy.
   */
  image(): Image {
    return new LiveImage({ ...this.#memory.snapshot(), history: [] })
  }

  /** Has been leased addresses. */
  get hasOwnBlocks(): boolean {
    return this.#memory.blocks().some((block) => block.owner === this.name)
  }

  /** How many resources of a type it keeps. */
  countOf(type: string): number {
    return this.#memory.image.rowsByType.keys(type).size
  }

  /** Payload of both directions until it was proven in the session that it has; undefined: it was not yet. */
  get bytesToProven(): number | undefined {
    return this.#runtime.view()?.bytesToProven
  }

  /**
   * Each channel has been proven equal in the session that it has. Not all of them in one moment: while this zone and others
   * change things, that moment may not come for half a minute.
   */
  get isProven(): boolean {
    return this.#runtime.view()?.channels.every(({ provenAtMs }) => provenAtMs !== undefined) === true
  }

  /** Notes the session of now, once it was proven. @param changes how many were made so far, by all zones */
  look(changes: number): void {
    const view = this.#runtime.view()
    if (view !== undefined && view.sessionId !== this.#begun?.sessionId)
      this.#begun = { sessionId: view.sessionId, changes }
    if (view === undefined || !this.isProven || this.sessions.at(-1)?.sessionId === view.sessionId) return
    const all = view.channels.reduce((sum, channel) => sum + channel.received, 0)
    const received = Math.max(0, all - (changes - (this.#begun?.changes ?? changes)))
    this.sessions.push({
      sessionId: view.sessionId,
      received,
      bytes: view.bytesToProven ?? view.payloadBytesSent + view.payloadBytesReceived,
      after: this.#runtime.lastEnd?.reason ?? '',
    })
  }

  /** @param port says which version it is */
  put(name: string, port: number): Promise<void> {
    return this.putAll([{ name, port }])
  }

  /** As one commit. */
  async putAll(services: readonly { readonly name: string; readonly port: number }[]): Promise<void> {
    const type = typeOf('MeshService')
    const outcomes = await this.store.local.apply(
      {
        changes: services.map(({ name, port }) => ({
          change: 'put',
          key: { type: type.name, mesh: 'default', name },
          content: {
            labels: computedLabels(type, 'default', name, 'zone', this.name, { [namespaceLabel]: 'default' }),
            ...jsonSpec(type, {
              state: 'Available',
              selector: { dataplaneLabels: { matchLabels: { app: name } } },
              ports: [{ name: 'http', port, targetPort: port, appProtocol: 'http' }],
            }),
          },
          namespace: 'default',
          displayName: name,
          wantsVip: true,
        })),
        atomic: true,
        actor: 'bench',
      },
      { signal },
    )
    for (const outcome of outcomes) if (outcome.outcome === 'refused') throw outcome.problem
  }

  /** Version of a service of another zone as this one has it; undefined: not at all. */
  versionOf(name: string, zone: string): number | undefined {
    const of = `${zone}/${name}`
    const known = this.#keys.get(of)
    const resource =
      known === undefined
        ? [...this.#told.all()].find(({ labels }) => labels[zoneLabel] === zone && labels[displayNameLabel] === name)
        : this.#told.of(known)
    if (resource === undefined) return undefined
    this.#keys.set(of, wireKey(resource.mesh, resource.name))
    return (JSON.parse(Buffer.from(resource.spec).toString()) as { ports: readonly { port: number }[] }).ports[0]?.port
  }

  /** A service of others by its wire key. */
  told(key: string): ExportedResource | undefined {
    return this.#told.of(key)
  }

  /** Its own services and those of others. */
  get services(): number {
    return this.#told.count + this.countOf('MeshService')
  }

  /** Addresses of all services, by zone and name. */
  async vips(): Promise<Readonly<Record<string, string>>> {
    const { items } = await this.store.read.list({ type: 'MeshService', offset: 0, limit: 100_000 })
    const own = items.map((row): [string, string] => [
      `${row.origin}/${row.displayName}`,
      (row.vips?.addresses ?? []).join(' '),
    ])
    const others = [...this.#told.all()].map(({ labels, vips }): [string, string] => [
      `${labels[zoneLabel]}/${labels[displayNameLabel]}`,
      (vips?.addresses ?? []).join(' '),
    ])
    return Object.fromEntries([...own, ...others].sort())
  }

  close(): Promise<void> {
    return this.#runtime.close()
  }
}
