import type { ControlPlane } from '../programs/control-plane.js'

/** What a control plane has acknowledged of one service: there with this port, or gone. */
export type Promised = { readonly state: 'there'; readonly port: number } | { readonly state: 'gone' }

export interface WriterOptions {
  /** Further processes of the same control plane, tried in turn when one does not answer. */
  readonly others?: readonly ControlPlane[]
  /** Living services at most; without end unless said otherwise. */
  readonly livingMax?: number
  /** How long an answer may take. */
  readonly answerTimeoutMs?: number
}

type Attempt =
  | { readonly state: 'answered'; readonly status: number; readonly text: string }
  /** It may still be under way, and be done later. */
  | { readonly state: 'silent' }
  /** The connection was refused or lost: with the process everything that it had begun is over. */
  | { readonly state: 'lost' }

/**
 * Writes services through one control plane's API and remembers what was acknowledged. A write that was not answered is
 * said again until it is: it may have been stored or not, and either is right.
 */
export class Writer {
  readonly plane: ControlPlane
  /** By name. Only acknowledged writes are here; a name with a write under way keeps what was promised before. */
  readonly promised = new Map<string, Promised>()
  readonly #owner: string
  readonly #planes: readonly ControlPlane[]
  readonly #type: 'meshservices' | 'meshmultizoneservices'
  readonly #signal: AbortSignal
  readonly #livingMax: number
  readonly #answerTimeoutMs: number
  #way = 0
  #acknowledged = 0
  #unanswered = 0
  #made = 0

  /** Zones write MeshServices, global MeshMultiZoneServices: each what it owns and gives VIPs to. */
  constructor(plane: ControlPlane, signal: AbortSignal, options: WriterOptions = {}) {
    const { others = [], livingMax = Number.POSITIVE_INFINITY, answerTimeoutMs = 60_000 } = options
    this.plane = plane
    this.#owner = plane.zone
    this.#planes = [plane, ...others]
    this.#type = this.#owner === 'global' ? 'meshmultizoneservices' : 'meshservices'
    this.#signal = signal
    this.#livingMax = livingMax
    this.#answerTimeoutMs = answerTimeoutMs
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
    return `${this.#type}/${this.#owner}/${name}`
  }

  /** So many writes, in order: of every four two make a service, one changes one, one deletes one. */
  async burst(count: number, onAcknowledged: (soFar: number) => void): Promise<void> {
    for (let i = 1; i <= count; i++) {
      await this.write(i % 4)
      onAcknowledged(i)
    }
  }

  /** One write: 0 deletes, 3 changes, and everything else makes. */
  async write(what: number): Promise<void> {
    const living = [...this.promised].flatMap(([name, { state }]) => (state === 'there' ? [name] : []))
    // Those in the middle of their life: neither the newest nor always the same.
    const chosen = living[Math.floor(living.length / 2)]
    if (what === 0 && chosen !== undefined) return this.#delete(chosen)
    if ((what === 3 || living.length >= this.#livingMax) && chosen !== undefined) return this.#put(chosen)
    return this.#put(`${this.#owner}-${++this.#made}`)
  }

  async #put(name: string): Promise<void> {
    const before = this.promised.get(name)
    const port = before?.state === 'there' ? (before.port % 60_000) + 1 : 8080
    // While it is under way neither the old nor the new state is promised.
    this.promised.delete(name)
    const isCertain = await this.#untilAnswered('PUT', name, this.#body(name, port), [200, 201])
    if (isCertain) this.promised.set(name, { state: 'there', port })
  }

  async #delete(name: string): Promise<void> {
    this.promised.delete(name)
    const isCertain = await this.#untilAnswered('DELETE', name, undefined, [200, 404])
    if (isCertain) this.promised.set(name, { state: 'gone' })
  }

  /** @returns false if an attempt before may still be done, after this one and whatever follows it */
  async #untilAnswered(
    method: string,
    name: string,
    body: string | undefined,
    fine: readonly number[],
  ): Promise<boolean> {
    for (let isCertain = true; ; ) {
      this.#signal.throwIfAborted()
      const plane = this.#planes[this.#way % this.#planes.length] ?? this.plane
      const attempt = await this.#once(plane, method, name, body)
      if (attempt.state === 'answered' && fine.includes(attempt.status)) {
        this.#acknowledged++
        return isCertain
      }
      if (attempt.state === 'answered' && attempt.status < 500 && attempt.status !== tooSlow)
        throw new Error(`${plane.name} refused ${method} ${name} with ${attempt.status}: ${attempt.text}`)
      this.#unanswered++
      if (attempt.state === 'silent') isCertain = false
      this.#way++
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }

  async #once(plane: ControlPlane, method: string, name: string, body: string | undefined): Promise<Attempt> {
    const patience = AbortSignal.timeout(this.#answerTimeoutMs)
    try {
      const response = await fetch(`${plane.apiUrl}/meshes/default/${this.#type}/${name}`, {
        method,
        signal: patience,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body }),
      })
      return { state: 'answered', status: response.status, text: await response.text() }
    } catch {
      return { state: patience.aborted ? 'silent' : 'lost' }
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

/** What a server says to a body that has not come in time: nothing of it was done. */
const tooSlow = 408
/** How soon a write that got no answer is said again. */
const retryMs = 20
