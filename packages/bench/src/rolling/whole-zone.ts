import type { ControlPlane } from '@holdfast/testkit'

interface Service {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
  readonly spec?: { readonly ports?: readonly { readonly port: number }[] }
  readonly ports?: readonly { readonly port: number }[]
}

interface Peer {
  readonly connected: boolean
  readonly sessionId?: string
  readonly bytesToProven?: number
}

/** A zone as the program that it is, with a database of its own, and asked over HTTP as an operator would. */
export class WholeZone {
  readonly process: ControlPlane
  /** Bytes until it was proven, by session. */
  readonly sessions = new Map<string, number>()
  #name: string | undefined

  constructor(process: ControlPlane) {
    this.process = process
  }

  get name(): string {
    return this.process.zone
  }

  async isProven(): Promise<boolean> {
    const { peers } = await this.#ask<{ readonly peers: readonly Peer[] }>('/_holdfast/sync')
    const [peer] = peers
    if (peer?.connected !== true || peer.bytesToProven === undefined) return false
    this.sessions.set(peer.sessionId ?? '', peer.bytesToProven)
    return true
  }

  async versionOf(name: string, zone: string): Promise<number | undefined> {
    this.#name ??= (await this.#services()).find((one) => keyOf(one) === `${zone}/${name}`)?.name
    if (this.#name === undefined) return undefined
    const { spec, ports } = await this.#ask<Service>(`/meshes/default/meshservices/${this.#name}`)
    return (spec?.ports ?? ports)?.[0]?.port
  }

  async vips(): Promise<Readonly<Record<string, string>>> {
    const services = await this.#services()
    return Object.fromEntries(
      services.map((one): [string, string] => [keyOf(one), (one.status?.vips ?? []).map(({ ip }) => ip).join(' ')]),
    )
  }

  async #services(): Promise<readonly Service[]> {
    return (await this.#ask<{ readonly items: readonly Service[] }>('/meshes/default/meshservices?size=1000')).items
  }

  async #ask<T>(path: string): Promise<T> {
    const response = await fetch(`${this.process.apiUrl}${path}`)
    if (!response.ok) throw new Error(`${this.name} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  }
}

const keyOf = ({ labels, name }: Service): string =>
  `${labels['kuma.io/zone']}/${labels['kuma.io/display-name'] ?? name}`
