import type { ControlPlane } from '../control-plane.js'

/** What a control plane has acknowledged of one service: there with this port, or gone. */
export type Promised = { readonly state: 'there'; readonly port: number } | { readonly state: 'gone' }

/**
 * Writes services through one control plane's API and remembers what was acknowledged. A write that was not answered is
 * said again until it is: it may have been stored or not, and either is right.
 */
export class Writer {
  readonly plane: ControlPlane
  /** By name. Only acknowledged writes are here; a name with a write under way keeps what was promised before. */
  readonly promised = new Map<string, Promised>()
  readonly #type: 'meshservices' | 'meshmultizoneservices'
  readonly #signal: AbortSignal
  #acknowledged = 0
  #unanswered = 0
  #made = 0

  /** Zones write MeshServices, global MeshMultiZoneServices: each what it owns and gives VIPs to. */
  constructor(plane: ControlPlane, signal: AbortSignal) {
    this.plane = plane
    this.#type = plane.name === 'global' ? 'meshmultizoneservices' : 'meshservices'
    this.#signal = signal
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Attempts that got no answer. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** How a control plane's list calls what this writer wrote. */
  keyOf(name: string): string {
    return `${this.#type}/${this.plane.name}/${name}`
  }

  /** So many writes, in order: of every four two make a service, one changes one, one deletes one. */
  async burst(count: number, onAcknowledged: (soFar: number) => void): Promise<void> {
    for (let i = 1; i <= count; i++) {
      await this.#write(i % 4)
      onAcknowledged(i)
    }
  }

  async #write(what: number): Promise<void> {
    const living = [...this.promised].flatMap(([name, { state }]) => (state === 'there' ? [name] : []))
    // Those in the middle of their life: neither the newest nor always the same.
    const chosen = living[Math.floor(living.length / 2)]
    if (what === 0 && chosen !== undefined) return this.#delete(chosen)
    if (what === 3 && chosen !== undefined) return this.#put(chosen)
    return this.#put(`${this.plane.name}-${++this.#made}`)
  }

  async #put(name: string): Promise<void> {
    const before = this.promised.get(name)
    const port = before?.state === 'there' ? (before.port % 60_000) + 1 : 8080
    // While it is under way neither the old nor the new state is promised.
    this.promised.delete(name)
    await this.#untilAnswered('PUT', name, this.#body(name, port), [200, 201])
    this.promised.set(name, { state: 'there', port })
  }

  async #delete(name: string): Promise<void> {
    this.promised.delete(name)
    await this.#untilAnswered('DELETE', name, undefined, [200, 404])
    this.promised.set(name, { state: 'gone' })
  }

  async #untilAnswered(method: string, name: string, body: string | undefined, fine: readonly number[]): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted()
      const answer = await this.#once(method, name, body)
      if (answer !== undefined && fine.includes(answer.status)) {
        this.#acknowledged++
        return
      }
      if (answer !== undefined && answer.status < 500)
        throw new Error(`${this.plane.name} refused ${method} ${name} with ${answer.status}: ${answer.text}`)
      this.#unanswered++
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }

  async #once(method: string, name: string, body: string | undefined) {
    try {
      const response = await fetch(`${this.plane.apiUrl}/meshes/default/${this.#type}/${name}`, {
        method,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body }),
      })
      return { status: response.status, text: await response.text() }
    } catch {
      return undefined
    }
  }

  #body(name: string, port: number): string {
    const ports = [{ port, targetPort: 8080, appProtocol: 'http', name: 'main' }]
    return this.#type === 'meshservices'
      ? JSON.stringify({
          ...{ type: 'MeshService', mesh: 'default', name, labels: { 'kuma.io/origin': 'zone' } },
          spec: { selector: { dataplaneLabels: { matchLabels: { app: name } } }, ports },
        })
      : JSON.stringify({
          ...{ type: 'MeshMultiZoneService', mesh: 'default', name },
          spec: {
            selector: { meshService: { matchLabels: { 'kuma.io/display-name': name } } },
            ports: [{ port, name: 'main', appProtocol: 'http' }],
          },
        })
  }
}

/** How soon a write that got no answer is said again. */
const retryMs = 20
