import { computedLabels, displayNameOf, meshServiceKind, parseBody, typeOf, vipPins, wantsVip } from '@holdfast/model'
import { asControlPlane, type ControlPlaneStore, type LocalChange, MemoryStore, type Row } from '@holdfast/store'
import pino from 'pino'
import { ServiceRuntime } from '../services/index.js'

const zone = 'east'
const log = pino({ level: 'silent' })
const never = new AbortController().signal

export interface InboundSetting {
  readonly port: number
  readonly name?: string
  readonly protocol?: string
  readonly state?: 'Ready' | 'NotReady' | 'Ignored'
  readonly tags?: Readonly<Record<string, string>>
}

/** A zone that stands alone, in memory, with a clock that tests move; its services are made as in the product. */
export class ServiceStand {
  readonly memory: MemoryStore
  readonly store: ControlPlaneStore
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 600)
  /** How often somebody has looked at the log. */
  logReads = 0
  /** Services that changes were asked for, one after another, by whoever makes them. */
  readonly asked: string[] = []
  readonly #runtimes: ServiceRuntime[] = []

  constructor() {
    this.memory = new MemoryStore({
      identity: { role: 'zone', name: zone, storeId: '11111111-2222-4333-8444-555555555555' },
      nowMs: () => this.nowMs,
      hexDigits: (length) => 'ab'.repeat(length).slice(0, length),
    })
    const store = asControlPlane(this.memory)
    const changes: ControlPlaneStore['read']['changes'] = (query) => {
      this.logReads++
      return store.read.changes(query)
    }
    const apply: ControlPlaneStore['local']['apply'] = (request, options) => {
      if (request.actor === 'meshservice-generator') this.asked.push(...request.changes.map(({ key }) => key.name))
      return store.local.apply(request, options)
    }
    // Not a copy: some of its parts answer only to those who need them.
    this.store = Object.create(store, {
      read: { value: { ...store.read, changes } },
      local: { value: { ...store.local, apply } },
    })
  }

  /** With a mesh that generates services, and addresses to give. */
  static async start(options: { readonly propagated?: readonly string[] } = {}): Promise<ServiceStand> {
    const stand = new ServiceStand()
    await stand.store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
    await stand.store.vip.adoptBlocks(['241.16.0.0/16'])
    await stand.putMesh('Exclusive')
    stand.serve(options)
    return stand
  }

  /** One more process of this zone. */
  serve({ propagated = [] }: { readonly propagated?: readonly string[] } = {}): ServiceRuntime {
    const { store } = this
    const runtime = new ServiceRuntime({ store, zone, graceMs: 60_000, propagated, log, nowMs: () => this.nowMs })
    this.#runtimes.push(runtime)
    runtime.start()
    return runtime
  }

  get runtime(): ServiceRuntime {
    const [first] = this.#runtimes
    if (first === undefined) throw new Error('nobody makes services here')
    return first
  }

  /** Ends every process; the store stays. */
  async stop(): Promise<void> {
    await Promise.all(this.#runtimes.splice(0).map((runtime) => runtime.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async apply(...changes: readonly LocalChange[]): Promise<void> {
    const outcomes = await this.store.local.apply({ changes, atomic: false, actor: 'test' }, { signal: never })
    const problems = outcomes.flatMap((o) => (o.outcome === 'refused' ? [o.problem.message] : []))
    if (problems.length > 0) throw new Error(problems.join('; '))
  }

  put(type: string, name: string, body: object, mesh = 'default'): Promise<void> {
    return this.apply(changeOf(type, name, mesh, body))
  }

  remove(type: string, name: string, mesh = 'default'): Promise<void> {
    return this.apply({ change: 'delete', key: { type, mesh, name } })
  }

  putMesh(mode: 'Disabled' | 'Exclusive', more: object = {}, name = 'default'): Promise<void> {
    return this.apply(changeOf('Mesh', name, '', { meshServices: { mode }, ...more }))
  }

  putDataplane(
    name: string,
    inbound: readonly InboundSetting[],
    labels: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    return this.put('Dataplane', name, { labels, networking: { address: '10.0.0.1', inbound } })
  }

  putTagged(name: string, service: string, ...ports: readonly number[]): Promise<void> {
    return this.putDataplane(
      name,
      (ports.length === 0 ? [8080] : ports).map((port) => ({ port, tags: { 'kuma.io/service': service } })),
    )
  }

  async service(name: string): Promise<Row | undefined> {
    return this.store.read.get({ type: 'MeshService', mesh: 'default', name })
  }

  async specOf(name: string): Promise<Record<string, unknown> | undefined> {
    const row = await this.service(name)
    return row === undefined ? undefined : JSON.parse(Buffer.from(row.spec).toString())
  }

  /** None where there is no such service. */
  async portsOf(name: string): Promise<readonly { readonly port: number; readonly appProtocol: string }[]> {
    const { ports = [] } = meshServiceKind.read((await this.service(name))?.spec ?? new Uint8Array()) ?? {}
    return ports
  }

  async statusOf(name: string): Promise<unknown> {
    const status = (await this.service(name))?.status
    return status === undefined ? undefined : JSON.parse(Buffer.from(status).toString())
  }

  async revision(): Promise<number> {
    return (await this.store.status()).head.revision
  }

  /** Waits until everything that was put so far has been looked at: a later one is looked at after all before it. */
  async settle(): Promise<void> {
    const name = `settled-${await this.revision()}`
    await this.putTagged(name, name)
    await until(`service ${name}`, async () => (await this.service(name)) !== undefined)
    await this.remove('Dataplane', name)
    await until(`the grace of ${name}`, async () => (await this.specOf(name))?.state === 'Unavailable')
  }
}

/** A Dataplane of one service by tag, as a change for any store. */
export const dataplaneChange = (name: string, service: string, ...ports: readonly number[]): LocalChange =>
  changeOf('Dataplane', name, 'default', {
    networking: { address: '10.0.0.1', inbound: ports.map((port) => ({ port, tags: { 'kuma.io/service': service } })) },
  })

export const meshChange = (mode: 'Disabled' | 'Exclusive'): LocalChange =>
  changeOf('Mesh', 'default', '', { meshServices: { mode } })

export async function until(what: string, level: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await level())) {
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function changeOf(typeName: string, name: string, mesh: string, body: object): LocalChange {
  const type = typeOf(typeName)
  const whole = { type: typeName, name, ...(mesh === '' ? {} : { mesh }), ...body }
  const read = parseBody(type, whole, {
    writer: { role: 'zone', zone, federated: false },
    ...(mesh === '' ? {} : { urlMesh: mesh }),
    urlName: name,
  })
  if (read.outcome !== 'parsed') throw new Error(`${typeName} ${name}: ${JSON.stringify(read)}`)
  const { labels: given, kindLabels, typeUrl, spec } = read.body
  const labels = computedLabels(type, mesh, name, 'zone', zone, given, kindLabels)
  return {
    change: 'put',
    key: { type: typeName, mesh, name },
    content: { labels, typeUrl, spec },
    namespace: '',
    displayName: displayNameOf(name, labels),
    pins: vipPins(labels),
    wantsVip: wantsVip(type, labels),
  }
}
