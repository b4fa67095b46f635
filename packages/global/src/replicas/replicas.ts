import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '@holdfast/model'
import type { ReplicaRecord, ReplicaStore } from '@holdfast/store'
import {
  type KdsServer,
  type LoneHalf,
  ReplicaClient,
  type ReplicaServer,
  type ServeOptions,
  serveReplicas,
} from '@holdfast/transport'
import type { Logger } from 'pino'
import { z } from 'zod'

export interface ReplicasOptions {
  readonly store: ReplicaStore
  readonly instanceId: string
  readonly version: string
  /** Where the other replicas reach this one; port 0: any free one. */
  readonly host: string
  readonly port: number
  readonly log: Logger
}

/** What this replica answers the others; undefined: it is not the one that could know. */
export type ReplicaAnswerer = (question: string, body: unknown) => Promise<unknown>

/** How often each replica says that it lives, and how long it is believed to. */
const beatMs = 2_000
const silentMaxMs = 8_000
const askTimeoutMs = 12_000
/** Between two looks for the partner of a stream. */
const seekEveryMs = 100

const questionSchema = z.object({ question: z.string(), body: z.unknown() })
const answerSchema = z.union([
  z.object({ absent: z.literal(true) }),
  z.object({ answer: z.unknown() }),
  z.object({ problem: z.string() }),
])

const partnerLost = (instanceId: string, why: string): string =>
  `the other stream of this session is at replica ${instanceId}: ${why}; dial again`

type Take = Awaited<ReturnType<NonNullable<ServeOptions['seek']>>>

/**
 * The other globals on this database: who they are, what only one of them knows, and streams of a zone that a load balancer
 * has brought to two of them. Nothing here is needed for a zone to be in step: who cannot be reached is not asked.
 */
export class Replicas {
  readonly #options: ReplicasOptions
  readonly #clients = new Map<string, ReplicaClient>()
  #others: readonly ReplicaRecord[] = []
  #key: Uint8Array = new Uint8Array()
  #server: ReplicaServer | undefined
  #beats: NodeJS.Timeout | undefined
  #beating: Promise<void> | undefined
  #isDraining = false
  #closed = false
  /** What the others told of their sessions last. */
  #views: readonly unknown[] = []

  constructor(options: ReplicasOptions) {
    this.#options = options
  }

  /** @throws Problem `unavailable` if it cannot listen */
  async start(kds: Pick<KdsServer, 'takeForwarded'>, answer: ReplicaAnswerer): Promise<void> {
    const { store, host, port } = this.#options
    this.#key = await store.key(randomBytes(32))
    this.#server = await serveReplicas({
      host,
      port,
      key: this.#key,
      answer: (body) => this.#answer(body, answer),
      onForwarded: (stream, call) => kds.takeForwarded(stream, call),
    })
    await this.#beat()
    this.#beats = setInterval(() => void this.#beat(), beatMs)
  }

  get port(): number | undefined {
    return this.#server?.port
  }

  others(): readonly ReplicaRecord[] {
    return this.#others
  }

  /** Sessions at the other replicas, as of a few seconds ago. */
  views(): readonly unknown[] {
    return this.#views
  }

  /** From now on nobody is sent here. */
  async drain(): Promise<void> {
    this.#isDraining = true
    await this.#beat()
  }

  /**
   * Asks all others at once, and takes the answer of the one that has it.
   * @throws Problem `unavailable` if nobody has, with who could not be asked; or in the words of who has it
   */
  async ask(question: string, body: unknown, absent: string): Promise<unknown> {
    const unreached: string[] = []
    const asked = this.#others.map(async (other) => {
      const said = await this.#askOne(other, question, body).catch((error: unknown) => {
        unreached.push(`${other.instanceId} at ${other.address} (${(error as Error).message})`)
        return undefined
      })
      if (said === undefined || 'absent' in said) throw new Error('not this one')
      return said
    })
    const said = await Promise.any(asked).catch(() => undefined)
    if (said === undefined)
      throw new Problem(
        'unavailable',
        unreached.length === 0 ? absent : `${absent}; replicas that could not be asked: ${unreached.join(', ')}`,
      )
    if ('problem' in said) throw new Problem('unavailable', said.problem)
    return said.answer
  }

  /** Where the partner of this stream has come to, if that is not here. */
  async seek({ zone, sessionId, stream, signal }: LoneHalf): Promise<Take> {
    const { store, instanceId, log } = this.#options
    const session = `${zone} ${sessionId}`
    // One of the two stays, the other one goes there: no two replicas hand each other theirs.
    if (stream === 'globalToZone') {
      await store.waits(session, instanceId)
      return undefined
    }
    while (!signal.aborted) {
      const at = await store.whereWaits(session)
      const other = this.#others.find((each) => each.instanceId === at)
      if (other !== undefined) {
        const client = this.#client(other)
        log.info({ zone, session: sessionId.slice(0, 8), to: other.instanceId }, 'a stream is handed to its partner')
        return (call) => {
          const end = (code: number, reason: string): void => {
            call.emit('error', Object.assign(new Error(reason), { code, details: reason }))
          }
          void client
            .forward(call, stream, end)
            .catch((error: Error) => end(14, partnerLost(other.instanceId, error.message)))
        }
      }
      if (at !== undefined) await this.#beat()
      await sleep(seekEveryMs, undefined, { signal }).catch(() => undefined)
    }
    return undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#beats)
    await this.#beating
    await this.#options.store.leave(this.#options.instanceId).catch(() => {})
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
    await this.#server?.close()
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce()
      .catch((error: unknown) => {
        if (!this.#closed) this.#options.log.warn({ err: error }, 'the other replicas could not be looked for')
      })
      .finally(() => {
        this.#beating = undefined
      })
    return this.#beating
  }

  async #beatOnce(): Promise<void> {
    const { store, instanceId, version, host } = this.#options
    const address = this.#server === undefined ? '' : `${host.includes(':') ? `[${host}]` : host}:${this.#server.port}`
    const others = await store.beat({ instanceId, address, version, draining: this.#isDraining }, { silentMaxMs })
    this.#others = others.filter((other) => other.address !== '')
    for (const [id, client] of this.#clients)
      if (!others.some((other) => other.instanceId === id)) {
        client.close()
        this.#clients.delete(id)
      }
    void this.#lookAtSessions()
  }

  async #lookAtSessions(): Promise<void> {
    const said = await Promise.all(
      this.#others.map((other) => this.#askOne(other, 'sessions', null).catch(() => undefined)),
    )
    this.#views = said.flatMap((one) =>
      one !== undefined && 'answer' in one && Array.isArray(one.answer) ? one.answer : [],
    )
  }

  async #askOne(other: ReplicaRecord, question: string, body: unknown): Promise<z.infer<typeof answerSchema>> {
    const bytes = Buffer.from(JSON.stringify({ question, body }))
    const said = await this.#client(other).ask(bytes, { timeoutMs: askTimeoutMs })
    return answerSchema.parse(JSON.parse(said.toString()))
  }

  async #answer(bytes: Buffer, answer: ReplicaAnswerer): Promise<Buffer> {
    const { question, body } = questionSchema.parse(JSON.parse(bytes.toString()))
    const said = await answer(question, body).then(
      (value) => (value === undefined ? { absent: true } : { answer: value }),
      (error: unknown) => ({ problem: (error as Error).message }),
    )
    return Buffer.from(JSON.stringify(said))
  }

  #client({ instanceId, address }: ReplicaRecord): ReplicaClient {
    const found = this.#clients.get(instanceId)
    if (found !== undefined) return found
    const at = address.lastIndexOf(':')
    const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1')
    const client = new ReplicaClient({ host, port: Number(address.slice(at + 1)), key: this.#key })
    this.#clients.set(instanceId, client)
    return client
  }
}
