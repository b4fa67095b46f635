import type { Batch, ChannelContext, ChannelStore, Hello, Offer, Removal, StoreOp, StoreResults } from '@holdfast/kds'
import {
  computedLabels,
  contentHash,
  displayNameLabel,
  type ExportedResource,
  emptyDigest,
  envLabel,
  exportName,
  hashAlgorithm,
  hex,
  type Json,
  jsonSpec,
  type Labels,
  meshLabel,
  namespaceLabel,
  typeOf,
  typeSetHash,
  utf8,
  type Vips,
  wireKey,
  zoneLabel,
} from '@holdfast/model'
import type { HookCover } from '../plan/forms.js'
import type { HoldThresholds } from '../plan/holds.js'
import type { ControlPlaneStore, LocalChange, LocalOutcome } from '../port.js'

/** What the suite opens: an empty store of a role, on a clock of its own. */
export interface StoreSetting {
  readonly role: 'global' | 'zone'
  /** Zone name; '' at global. */
  readonly name: string
  readonly nowMs: () => number
  readonly hooks?: HookCover | undefined
  readonly thresholds?: HoldThresholds | undefined
}

export interface StoreUnderTest {
  readonly store: ControlPlaneStore
  close(): Promise<void>
}

export type OpenStore = (setting: StoreSetting) => Promise<StoreUnderTest>

const { signal } = new AbortController()
export const actor = 'conformance'

/** A store with a clock that stands until a test moves it. */
export class Subject {
  readonly store: ControlPlaneStore
  readonly #close: () => Promise<void>
  readonly #clock: { nowMs: number }

  constructor(opened: StoreUnderTest, clock: { nowMs: number }) {
    this.store = opened.store
    this.#close = () => opened.close()
    this.#clock = clock
  }

  static async open(open: OpenStore, role: 'global' | 'zone', name: string): Promise<Subject> {
    const clock = { nowMs: 1_700_000_000_000 }
    return new Subject(await open({ role, name, nowMs: () => clock.nowMs }), clock)
  }

  /** Initialised; a global with the mesh `default`, a zone with nothing. */
  static async ready(
    open: OpenStore,
    role: 'global' | 'zone',
    name = role === 'global' ? '' : 'east',
  ): Promise<Subject> {
    const subject = await Subject.open(open, role, name)
    await subject.store.initialise({ actor, random: Uint8Array.of(1, 2, 3, 4, 5) })
    if (role === 'global') await subject.apply(putMesh('default'))
    return subject
  }

  get nowMs(): number {
    return this.#clock.nowMs
  }

  pass(ms: number): void {
    this.#clock.nowMs += ms
  }

  async apply(...changes: readonly LocalChange[]): Promise<readonly LocalOutcome[]> {
    return this.store.local.apply({ changes, atomic: false, actor }, { signal })
  }

  async applyAtomically(...changes: readonly LocalChange[]): Promise<readonly LocalOutcome[]> {
    return this.store.local.apply({ changes, atomic: true, actor }, { signal })
  }

  async revision(): Promise<number> {
    return (await this.store.status()).head.revision
  }

  channel(context: ChannelContext): TestChannel {
    return new TestChannel(this.store.channel(context), this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}

export class TestChannel {
  readonly #channel: ChannelStore
  readonly #subject: Subject

  constructor(channel: ChannelStore, subject: Subject) {
    this.#channel = channel
    this.#subject = subject
  }

  perform<O extends StoreOp>(op: O): Promise<StoreResults[O['op']]> {
    return this.#channel.perform(op, { signal })
  }

  apply(batch: Partial<Batch> & { readonly type: string }): Promise<StoreResults['apply']> {
    const whole = { offers: [], removals: [], absent: [], ...batch }
    return this.perform({ op: 'apply', batch: whole, nowMs: this.#subject.nowMs })
  }
}

/** What a zone offers or global passes on. */
export function offerOf(resource: ExportedResource): Offer {
  return { version: hex(contentHash(resource)), resource }
}

export const removalOf = (resource: ExportedResource, deletedAtMs: number): Removal => ({
  key: keyOf(resource),
  deletedAtMs,
})

export const keyOf = ({ mesh, name }: { readonly mesh: string; readonly name: string }): string => wireKey(mesh, name)

export interface ServiceFacts {
  readonly name: string
  readonly zone: string
  readonly mesh?: string
  readonly port?: number
  readonly namespace?: string
  readonly vips?: Vips | undefined
  readonly labels?: Labels
}

/** A MeshService in export form, as its zone sends it. */
export function service(facts: ServiceFacts): ExportedResource {
  const type = typeOf('MeshService')
  const { name, zone, mesh = 'default', port = 80, namespace, vips } = facts
  const labels = {
    [displayNameLabel]: name,
    [envLabel]: 'universal',
    [meshLabel]: mesh,
    [zoneLabel]: zone,
    ...(namespace === undefined ? {} : { [namespaceLabel]: namespace }),
    ...facts.labels,
  }
  return {
    type: type.name,
    mesh,
    name: exportName(type, mesh, name, labels),
    labels,
    ...jsonSpec(type, serviceSpec(port)),
    ...(vips === undefined ? {} : { vips }),
  }
}

export const serviceSpec = (port: number): Json => ({
  selector: { dataplaneTags: { 'kuma.io/service': 'web' } },
  ports: [{ port, targetPort: port, appProtocol: 'tcp' }],
})

/** A change that puts an own MeshService at a zone. */
export function putService(
  name: string,
  options: {
    readonly zone?: string
    readonly mesh?: string
    readonly port?: number
    readonly namespace?: string
    readonly pins?: { readonly v4?: string; readonly v6?: string }
    readonly labels?: Labels
    readonly wantsVip?: boolean
  } = {},
): Extract<LocalChange, { change: 'put' }> {
  const type = typeOf('MeshService')
  const { zone = 'east', mesh = 'default', port = 80, namespace = '', pins, wantsVip = true } = options
  const given = { ...(namespace === '' ? {} : { [namespaceLabel]: namespace }), ...options.labels }
  return {
    change: 'put',
    key: { type: type.name, mesh, name },
    content: { labels: computedLabels(type, mesh, name, 'zone', zone, given), ...jsonSpec(type, serviceSpec(port)) },
    namespace,
    displayName: name,
    wantsVip,
    ...(pins === undefined ? {} : { pins }),
  }
}

export const serviceKey = (name: string, mesh = 'default') => ({ type: 'MeshService', mesh, name })

export const deleteOf = (key: LocalChange['key']): LocalChange => ({ change: 'delete', key })

const meshContent = { labels: {}, typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.Mesh', spec: new Uint8Array(0) }

export const putMesh = (name: string): LocalChange => ({
  change: 'put',
  key: { type: 'Mesh', mesh: '', name },
  content: meshContent,
  namespace: '',
  displayName: name,
  wantsVip: false,
})

/** A mesh as global sends it. */
export const mesh = (name: string): ExportedResource => ({ type: 'Mesh', mesh: '', name, ...meshContent })

/** A HostnameGenerator of global's, in export form: a type that any spec of JSON fits. */
export function timeout(name: string, spec: Json): ExportedResource {
  const type = typeOf('MeshTimeout')
  const labels = { [displayNameLabel]: name, [meshLabel]: 'default' }
  return {
    type: type.name,
    mesh: 'default',
    name: exportName(type, 'default', name, labels),
    labels,
    typeUrl: '',
    spec: utf8(JSON.stringify(spec)),
  }
}

/** A VipBlock as global sends it. */
export function block(facts: {
  readonly cidr: string
  readonly owner: string
  readonly storeId: string
  readonly kind?: string
  readonly generation?: number
}): ExportedResource {
  const type = typeOf('VipBlock')
  const { cidr, owner, storeId, kind = 'MeshService', generation = 1 } = facts
  const family = cidr.includes(':') ? 6 : 4
  return {
    type: type.name,
    mesh: '',
    name: `${kind.toLowerCase()}-${cidr.replaceAll(/[.:/]+/g, '-').replace(/^-|-$/g, '')}`,
    labels: {},
    ...jsonSpec(type, { kind, family, cidr, owner, storeId, generation }),
  }
}

/** A VipPool of MeshServices as global sends it. */
export function pool(cidr: string): ExportedResource {
  const type = typeOf('VipPool')
  const family = cidr.includes(':') ? 6 : 4
  return {
    type: type.name,
    mesh: '',
    name: `meshservice-${cidr.replaceAll(/[.:/]+/g, '-').replace(/^-|-$/g, '')}`,
    labels: {},
    ...jsonSpec(type, { kind: 'MeshService', family, cidr, reserved: [] }),
  }
}

export const hello = (storeId: string): Hello => ({
  hashAlgorithm,
  typeSet: typeSetHash(),
  storeId,
  state: 'ready',
  everInStep: false,
  down: { offered: emptyDigest },
  up: { cursor: { epoch: '0'.repeat(32), revision: 0, tag: '0'.repeat(16) }, digest: emptyDigest },
  status: { cursor: { epoch: '0'.repeat(32), revision: 0, tag: '0'.repeat(16) }, digest: emptyDigest },
  version: '0.1.0',
})

/** An epoch, a tag: any that is not the store's own. */
export const someEpoch = 'abcdef0123456789abcdef0123456789'
export const otherEpoch = 'fedcba9876543210fedcba9876543210'
export const someTag = '0123456789abcdef'
export const otherStoreId = '11111111-2222-4333-8444-555555555555'
