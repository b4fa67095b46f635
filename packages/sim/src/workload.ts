import {
  computedLabels,
  displayNameLabel,
  headlessLabel,
  isHeadless,
  namespaceLabel,
  parseJson,
  typeOf,
  utf8,
  zoneLabel,
} from '@holdfast/model'
import type { LocalChange, LocalOutcome, LocalRequest, Row } from '@holdfast/store'
import type { ControlPlane } from './node.js'
import type { Random } from './random.js'

type Put = Extract<LocalChange, { change: 'put' }>
type Deed = keyof typeof zoneDeeds | keyof typeof globalDeeds

const names = ['web', 'api', 'cart', 'pay', 'mail', 'auth', 'ads', 'geo', 'img', 'log', 'job', 'bus'] as const
const meshes = ['default', 'shop'] as const
const namespaces = ['', 'default', 'blue'] as const

const zoneDeeds = {
  create: 8,
  update: 6,
  delete: 4,
  recreate: 3,
  rename: 1,
  headless: 1,
  /** What its own store takes and every receiver refuses, until it is changed again. */
  refusable: 2,
  many: 1,
  deleteMany: 1,
  dataplane: 3,
  status: 6,
  /** A zone that says it is another one. */
  lie: 2,
  /** An operator decides what becomes of a mass that is missing. */
  decideHold: 1,
} as const

const globalDeeds = {
  multiZoneService: 3,
  deleteMultiZoneService: 1,
  policy: 2,
  deletePolicy: 1,
  deleteMesh: 1,
  createMesh: 3,
  disableZone: 2,
  enableZone: 3,
  decideHold: 1,
} as const

/** What people do to a mesh: services come, change, go and come back, most of it in the wrong moment. */
export class Workload {
  #random: Random
  readonly #liars: boolean
  /** Numbers every spec, so that no two are equal by chance, and travels as a field that no schema knows. */
  #serial = 0

  constructor(random: Random, options: { readonly liars: boolean }) {
    this.#random = random
    this.#liars = options.liars
  }

  /** What there is before anything happens: meshes at global. */
  prepare(global: ControlPlane): void {
    const outcomes = this.#apply(global, [this.#mesh('default'), this.#mesh('shop')], true)
    if (outcomes?.every(({ outcome }) => outcome === 'created') !== true) throw new Error('sim: a world without meshes')
  }

  /** One deed of one control plane, with a chance of its own. Returns what it was, for the story. */
  act(node: ControlPlane, random: Random): string {
    this.#random = random
    const deed: Deed = node.role === 'zone' ? this.#random.weighted(zoneDeeds) : this.#random.weighted(globalDeeds)
    if (deed === 'decideHold') return this.#decideHold(node)
    const changes = this.#changes(deed, node)
    if (changes.length === 0) return `${deed}: nothing to do`
    const outcomes = this.#apply(node, changes, deed !== 'many' || this.#random.chance(0.5))
    const words = changes.map((change) => `${change.change} ${change.key.type} ${change.key.mesh}/${change.key.name}`)
    return `${deed}: ${words.join(', ')}: ${outcomes?.map(outcomeText).join(', ') ?? 'not running'}`
  }

  /** Much comes at once, so that addresses become few. */
  fill(node: ControlPlane, random: Random, attempts = 24): string {
    this.#random = random
    const puts =
      node.role === 'zone'
        ? distinct(Array.from({ length: attempts }, () => this.#service(node, {})))
        : [...names].map((name) => this.#put(node, 'MeshTimeout', this.#meshName(), name, {}, this.#spec({})))
    const outcomes = this.#apply(node, puts, false) ?? []
    const refused = outcomes.find((outcome) => outcome.outcome === 'refused')
    return `makes ${puts.length} resources${refused === undefined ? '' : `, ${outcomeText(refused)}`}`
  }

  /** Most of what a control plane has is deleted, in many transactions and none of them large. */
  clearOut(node: ControlPlane, random: Random): string {
    this.#random = random
    const types = node.role === 'zone' ? ['MeshService', 'Dataplane'] : ['MeshMultiZoneService', 'MeshTimeout']
    const going = types.flatMap((type) => this.#own(node, type)).filter(() => random.chance(0.8))
    for (const row of going) this.#apply(node, [{ change: 'delete', key: keyOf(row) }], true)
    return `deletes ${going.length} of its resources`
  }

  #apply(node: ControlPlane, changes: readonly LocalChange[], atomic: boolean): readonly LocalOutcome[] | undefined {
    const request: LocalRequest = { changes, atomic, actor: 'workload' }
    return node.apply(request)
  }

  #changes(deed: Exclude<Deed, 'decideHold'>, node: ControlPlane): readonly LocalChange[] {
    const random = this.#random
    const own = this.#own(node, 'MeshService')
    const some = random.pick(own)
    switch (deed) {
      case 'create':
        return [this.#service(node, {})]
      case 'update':
        return some === undefined ? [] : [this.#service(node, { like: some })]
      case 'delete':
        return some === undefined ? [] : [{ change: 'delete', key: keyOf(some) }]
      case 'recreate': {
        const gone = random.pick(this.#gone(node, 'MeshService'))
        return gone === undefined ? [] : [this.#service(node, { like: gone, same: random.chance(0.5) })]
      }
      case 'rename':
        return some === undefined
          ? []
          : [{ change: 'delete', key: keyOf(some) }, this.#service(node, { mesh: some.mesh })]
      case 'headless':
        return some === undefined ? [] : [this.#service(node, { like: some, headless: !isHeadless(some.labels) })]
      case 'refusable':
        return [this.#service(node, { ...(some === undefined ? {} : { like: some }), refusable: true })]
      case 'many':
        return distinct(Array.from({ length: random.between(3, 8) }, () => this.#service(node, {})))
      case 'deleteMany':
        return own.filter(() => random.chance(0.6)).map((row) => ({ change: 'delete', key: keyOf(row) }))
      case 'dataplane':
        return this.#dataplane(node)
      case 'status':
        if (some !== undefined) this.#status(node, some)
        return []
      case 'lie':
        return this.#liars ? this.#lie(node) : []
      case 'multiZoneService':
        return [this.#put(node, 'MeshMultiZoneService', this.#meshName(), random.pick(names), {}, this.#spec({}))]
      case 'policy':
        return [this.#put(node, 'MeshTimeout', this.#meshName(), random.pick(names), {}, this.#spec({}))]
      case 'deleteMultiZoneService':
        return this.#deleteOne(node, 'MeshMultiZoneService')
      case 'deletePolicy':
        return this.#deleteOne(node, 'MeshTimeout')
      case 'deleteMesh':
        return node.store.get({ type: 'Mesh', mesh: '', name: 'shop' }) === undefined
          ? []
          : [{ change: 'delete', key: { type: 'Mesh', mesh: '', name: 'shop' } }]
      case 'createMesh':
        return [this.#mesh('shop')]
      case 'disableZone':
        return this.#switchZone(node, false)
      case 'enableZone':
        return this.#switchZone(node, true)
    }
  }

  #decideHold(node: ControlPlane): string {
    const hold = this.#random.pick([...node.store.image.holds.values()].filter(({ state }) => state === 'held'))
    if (hold === undefined || !node.running) return 'decideHold: nothing to do'
    const approves = this.#random.chance(0.5)
    const request = { id: hold.id, actor: 'workload' }
    const { resources } = approves ? node.store.approve(request) : node.store.reject(request)
    node.watch.changed(node)
    return `${approves ? 'approves' : 'rejects'} a hold of ${resources} ${hold.type} of ${hold.origin || 'global'}`
  }

  #meshName(): string {
    return this.#random.chance(0.7) ? 'default' : this.#random.pick(meshes)
  }

  #own(node: ControlPlane, type: string): readonly Row[] {
    return [...node.store.image.rows.values()].filter(
      (row) =>
        row.type === type && row.origin === node.name && !row.deleted && row.labels[zoneLabel] !== liedZone(node),
    )
  }

  #gone(node: ControlPlane, type: string): readonly Row[] {
    return [...node.store.image.rows.values()].filter((r) => r.type === type && r.origin === node.name && r.deleted)
  }

  #deleteOne(node: ControlPlane, type: string): readonly LocalChange[] {
    const row = this.#random.pick(this.#own(node, type))
    return row === undefined ? [] : [{ change: 'delete', key: keyOf(row) }]
  }

  #service(
    node: ControlPlane,
    how: {
      readonly like?: Row
      readonly same?: boolean
      readonly mesh?: string
      readonly headless?: boolean
      readonly refusable?: boolean
    },
  ): Put {
    const random = this.#random
    const { like } = how
    const mesh = like?.mesh ?? how.mesh ?? this.#meshName()
    const namespace = like?.namespace ?? random.pick(namespaces)
    const displayName = like?.displayName ?? random.pick(names)
    const headless = how.headless ?? (like === undefined ? false : isHeadless(like.labels))
    const labels = {
      ...(namespace === '' ? {} : { [namespaceLabel]: namespace }),
      ...(headless ? { [headlessLabel]: 'true' } : {}),
    }
    const put = this.#put(node, 'MeshService', mesh, displayName, labels, this.#spec(how), namespace)
    return how.same === true && like !== undefined
      ? {
          ...put,
          content: { ...put.content, labels: like.labels, spec: like.spec },
          wantsVip: !isHeadless(like.labels),
        }
      : put
  }

  /** JSON with a field that nobody knows; `refusable` names two ways to select, which no receiver takes. */
  #spec({ refusable }: { readonly refusable?: boolean }): Uint8Array {
    const serial = ++this.#serial
    const selector = refusable === true ? { dataplaneRef: { name: 'a' }, dataplaneTags: { app: 'b' } } : {}
    return utf8(
      JSON.stringify({ later: { serial }, selector, ports: [{ port: 80 + (serial % 7), appProtocol: 'http' }] }),
    )
  }

  #put(
    node: ControlPlane,
    typeName: string,
    mesh: string,
    displayName: string,
    given: Readonly<Record<string, string>>,
    spec: Uint8Array,
    namespace = '',
  ): Put {
    const type = typeOf(typeName)
    const name = namespace === '' || namespace === 'default' ? displayName : `${displayName}.${namespace}`
    const labels = computedLabels(type, mesh, name, node.role, node.name, given)
    return {
      change: 'put',
      key: { type: typeName, mesh, name },
      content: { labels, typeUrl: type.encoding.kind === 'json' ? '' : type.encoding.typeUrl, spec },
      namespace,
      displayName: labels[displayNameLabel] ?? displayName,
      wantsVip: type.vipKind && !isHeadless(labels),
    }
  }

  #mesh(name: string): Put {
    return this.#put({ role: 'global', name: '' } as ControlPlane, 'Mesh', '', name, {}, new Uint8Array())
  }

  #dataplane(node: ControlPlane): readonly LocalChange[] {
    const own = this.#own(node, 'Dataplane')
    const random = this.#random
    const some = random.pick(own)
    if (some !== undefined && random.chance(0.4)) return [{ change: 'delete', key: keyOf(some) }]
    return [
      this.#put(node, 'Dataplane', this.#meshName(), `${random.pick(names)}-${random.between(0, 3)}`, {}, dataplane),
    ]
  }

  #status(node: ControlPlane, row: Row): void {
    if (!node.running) return
    node.store.writeStatus(keyOf(row), utf8(JSON.stringify({ seen: ++this.#serial })))
    node.watch.changed(node)
  }

  #lie(node: ControlPlane): readonly LocalChange[] {
    const zone = liedZone(node)
    const put = this.#put(node, 'MeshService', 'default', `lie-${this.#random.pick(names)}`, {}, this.#spec({}))
    return [{ ...put, content: { ...put.content, labels: { ...put.content.labels, [zoneLabel]: zone } } }]
  }

  #switchZone(global: ControlPlane, enabled: boolean): readonly LocalChange[] {
    const zone = this.#random.pick(this.#own(global, 'Zone'))
    return zone === undefined
      ? []
      : [this.#put(global, 'Zone', '', zone.name, {}, enabled ? enabledZone : disabledZone)]
  }
}

/** Zones are called a, b, c …; the one after. */
const liedZone = (node: ControlPlane): string => (node.name === 'a' ? 'b' : 'a')

/** Whether a resource was made so that no receiver takes it: it selects in two ways, or its zone says that it is another one. */
export function isRefusable({ labels, origin, spec }: Pick<Row, 'labels' | 'origin' | 'spec'>): boolean {
  const zone = labels[zoneLabel]
  if (zone !== undefined && zone !== origin) return true
  const parsed = parseJson(Buffer.from(spec).toString('utf8'))
  const { selector = {} } = (parsed.outcome === 'read' ? parsed.value : {}) as { readonly selector?: object }
  return Object.keys(selector).length > 1
}

const enabledZone = Uint8Array.of(0x0a, 0x02, 0x08, 0x01)
/** A BoolValue without its field is false. */
const disabledZone = Uint8Array.of(0x0a, 0x00)
/** `networking.address` alone. */
const dataplane = Uint8Array.of(0x0a, 0x0a, 0x2a, 0x08, ...utf8('10.0.0.1'))

const keyOf = ({ type, mesh, name }: Row) => ({ type, mesh, name })
const distinct = (puts: readonly Put[]): readonly Put[] => [
  ...new Map(puts.map((p) => [JSON.stringify(p.key), p])).values(),
]
const outcomeText = (outcome: LocalOutcome): string =>
  outcome.outcome === 'refused' ? `refused (${outcome.problem.message})` : outcome.outcome
