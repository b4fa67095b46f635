import { join } from 'node:path'
import { type Answer, answer } from './answer.js'
import { FaultWatch, turnMs, type WatchedStore } from './feed/fault-watch.js'
import { Feed, type FeedHealth, type FeedStore, recalledPicture, type Standing } from './feed/feed.js'
import { JournalFile } from './feed/journal-file.js'
import type { Picture } from './feed/picture.js'
import { Responder, type Verdict } from './responder.js'
import { Forwarder, type Upstream } from './server/forward.js'
import { type DnsServer, serveDns } from './server/serve.js'
import { folded } from './table/names.js'
import { serviceKey } from './table/served.js'
import type { Unserved } from './table/table.js'

export interface ZoneDnsOptions {
  readonly zone: string
  readonly address: string
  readonly port: number
  readonly upstreams: readonly Upstream[]
  /** In queries that are sent on; another one for each process. */
  readonly mark: string
  /** Where last good answers are kept. */
  readonly dataDir: string
  readonly nowMs: () => number
  readonly log: DnsLog
}

export interface DnsLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Where an answer comes from. */
export interface Explained {
  readonly name: string
  readonly type: string
  readonly answer: Answer
  readonly hostname?: string
  readonly generator?: string
  readonly service?: { readonly type: string; readonly mesh: string; readonly name: string; readonly origin: string }
  readonly addresses?: readonly string[]
  readonly generation?: number
  readonly revision: number
  /** Who else wants the name, or why nobody can have it. */
  readonly unserved: readonly Unserved[]
}

export interface DnsStanding {
  readonly port: number
  readonly services: number
  readonly hostnames: number
  readonly zones: readonly string[]
  readonly revision: number
  /** The store is followed; if not, since when and why. */
  readonly following: boolean
  readonly reason?: string
  readonly sinceMs?: number
  /** Served on an earlier store's word. */
  readonly kept: number
  readonly unserved: number
  readonly verdicts: Readonly<Partial<Record<Verdict | 'limited' | 'looped', number>>>
}

/** A store that went away says nothing: it is asked so often whether it is there. Changes do not wait for this. */
const pollEveryMs = 5_000

/**
 * DNS of one zone. Answers from the moment on in which it listens: at first what an earlier process has kept, then what
 * the store says; whoever else is away changes nothing in it.
 */
export class ZoneDns {
  readonly #options: ZoneDnsOptions
  readonly #journal: JournalFile
  readonly #stop = new AbortController()
  readonly #verdicts = new Map<Verdict | 'limited' | 'looped', number>()
  readonly #recalled: Picture
  readonly #standing: Standing | undefined
  #server: DnsServer | undefined
  #feed: Feed | undefined
  #faults: FaultWatch | undefined
  #turns: NodeJS.Timeout | undefined
  #polls: NodeJS.Timeout | undefined
  #turning: Promise<void> | undefined
  #health: FeedHealth = {
    following: false,
    reason: 'the store has not been read yet: the log of this control plane says what it waits for',
  }
  #sinceMs: number

  private constructor(
    options: ZoneDnsOptions,
    journal: JournalFile,
    recalled: Picture,
    standing: Standing | undefined,
  ) {
    this.#options = options
    this.#journal = journal
    this.#recalled = recalled
    this.#standing = standing
    this.#sinceMs = options.nowMs()
  }

  /**
   * Listens, and answers with what was kept.
   * @throws NodeJS.ErrnoException where it cannot listen
   */
  static async start(options: ZoneDnsOptions): Promise<ZoneDns> {
    const path = join(options.dataDir, `names-${options.zone}`)
    const journal = new JournalFile(path, options.zone)
    const { picture, standing, reason } = await recalledPicture(options.zone, journal)
    if (reason !== undefined) options.log.warn({ path, reason }, 'last good answers were kept and are of no use')
    const dns = new ZoneDns(options, journal, picture, standing)
    await dns.#listen()
    const { services, hostnames } = picture.served.table
    if (standing !== undefined)
      options.log.info({ path, services, hostnames, revision: standing.revision }, 'names of before are answered')
    return dns
  }

  get port(): number {
    return this.#server?.port ?? this.#options.port
  }

  /** Something is answered although no store was read. */
  get hasRecalled(): boolean {
    return this.#standing !== undefined
  }

  /** From here on the store is followed. `isWhole`: see the feed. */
  follow(store: FeedStore & WatchedStore, isWhole: () => Promise<boolean>): void {
    const { zone, log, nowMs } = this.#options
    const faults = new FaultWatch(store, () => this.#picture.served.table)
    this.#faults = faults
    this.#turns = setInterval(() => this.#turn(faults), turnMs)
    this.#polls = setInterval(() => this.#feed?.look(), pollEveryMs)
    let isJournalFailing = false
    this.#feed = new Feed(
      {
        zone,
        store,
        journal: this.#journal,
        isWhole,
        onServices: (keys) => faults.note(keys),
        onHealth: (health) => {
          this.#health = health
          this.#sinceMs = nowMs()
          const { services, hostnames } = this.#picture.served.table
          if (health.following) log.info({ services, hostnames }, 'names follow the store')
          else log.warn({ reason: health.reason, hostnames }, 'names stay as they are: the store cannot be read')
        },
        onJournalFailure: (error) => {
          if (!isJournalFailing)
            log.error(
              { err: error },
              'last good answers cannot be kept: after a restart without its database this zone would answer nothing',
            )
          isJournalFailing = true
        },
      },
      this.#recalled,
      this.#standing,
    )
  }

  standing(): DnsStanding {
    const { table, authority, revision } = this.#picture.served
    return {
      port: this.port,
      services: table.services,
      hostnames: table.hostnames,
      zones: authority.apexes,
      revision,
      following: this.#health.following,
      sinceMs: this.#sinceMs,
      ...(this.#health.following ? {} : { reason: this.#health.reason }),
      kept: this.#feed?.kept ?? 0,
      unserved: table.unserved().length,
      verdicts: Object.fromEntries(this.#verdicts),
    }
  }

  explain(name: string, type: string): Explained {
    const served = this.#picture.served
    const plain = folded(name.replace(/\.$/, ''))
    const host = /^_[^.]+\._[^.]+\.(.+)$/.exec(plain)?.[1] ?? plain
    const said = answer({ name: plain, type, class: 'IN' }, served)
    const found = served.table.find(host) ?? (said.outcome === 'answered' ? this.#ofReverse(said) : undefined)
    const unserved = served.table.unserved().filter((each) => each.hostname === host)
    const base = { name: plain, type, answer: said, revision: served.revision, unserved }
    if (found === undefined) return base
    const { service, generator, hostname } = found
    return {
      ...base,
      hostname,
      generator,
      service: { type: service.type, mesh: service.mesh, name: service.name, origin: service.origin },
      addresses: service.addresses,
      generation: service.generation,
    }
  }

  unserved(): readonly Unserved[] {
    return this.#picture.served.table.unserved()
  }

  unservedOf(service: Parameters<typeof serviceKey>[0]): readonly Unserved[] {
    return this.#picture.served.table.unserved(serviceKey(service))
  }

  /** Where what is answered differs from ledger and rows of the store (VIP-4), in words. */
  get faults(): readonly string[] {
    return this.#faults?.faults ?? []
  }

  /** The store closes. What is answered stays. */
  async unfollow(): Promise<void> {
    clearInterval(this.#turns)
    clearInterval(this.#polls)
    await this.#turning
    await this.#feed?.close()
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('DNS stops'))
    await this.unfollow()
    await this.#server?.close()
  }

  #turn(faults: FaultWatch): void {
    // A store that cannot be read is no proof of a fault.
    if (this.#turning !== undefined || !this.#health.following) return
    this.#turning = faults
      .turn()
      .catch(() => undefined)
      .finally(() => {
        this.#turning = undefined
      })
  }

  get #picture(): Picture {
    return this.#feed?.picture ?? this.#recalled
  }

  #ofReverse(said: Extract<Answer, { outcome: 'answered' }>) {
    const [first] = said.records
    return first?.type === 'PTR' ? this.#picture.served.table.find(first.data) : undefined
  }

  async #listen(): Promise<void> {
    const { address, port, upstreams, mark, nowMs, log } = this.#options
    const count = (what: Verdict | 'limited' | 'looped'): void => {
      this.#verdicts.set(what, (this.#verdicts.get(what) ?? 0) + 1)
    }
    const forwarder = upstreams.length === 0 ? undefined : new Forwarder({ upstreams, mark, signal: this.#stop.signal })
    let hasLooped = false
    const responder = new Responder({
      // Nothing kept and no store read: "there is no such name" would be a lie.
      served: () => (this.#standing === undefined && !this.#wasRead() ? undefined : this.#picture.served),
      forwarder,
      mark,
      count,
      onLoop: () => {
        count('looped')
        if (!hasLooped)
          log.error({ upstreams }, 'an upstream asks this DNS server what this one asks it: take it off --dns-upstream')
        hasLooped = true
      },
    })
    this.#server = await serveDns({ address, port, responder, nowMs, onLimited: () => count('limited') })
  }

  #wasRead(): boolean {
    return this.#feed?.hasRead === true
  }
}
