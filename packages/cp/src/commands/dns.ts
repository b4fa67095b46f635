import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DnsStanding, ZoneDns } from '@holdfast/dns'
import { Problem } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { upstreamOf } from '../config/dns-settings.js'
import type { Settings } from '../config/settings.js'
import type { Scope } from '../lifecycle/scope.js'
import { listenProblem } from './problems.js'

/** Names are answered before anything else is there: a zone that starts without its database answers what it answered before. */
export async function startDns(
  role: 'global' | 'zone',
  settings: Settings,
  log: Logger,
  scope: Scope,
): Promise<ZoneDns | undefined> {
  const { dnsPort, dnsAddress, zone, dataDir } = settings
  if (role !== 'zone' || dnsPort === 'off') return undefined
  const upstreams = settings.dnsUpstreams.map(upstreamOf)
  const itself = upstreams.find(({ host, port }) => host === dnsAddress && port === dnsPort)
  if (itself !== undefined)
    throw new Problem(
      'invalid',
      `--dns-upstream ${itself.host}:${itself.port} is this zone's own DNS: it would ask itself for ever; name the resolver that was used before`,
    )
  const dns = await ZoneDns.start({
    zone,
    address: dnsAddress,
    port: dnsPort,
    upstreams,
    mark: randomUUID(),
    dataDir,
    nowMs: Date.now,
    log,
  }).catch((error: unknown) => {
    throw listenProblem('DNS', '--dns-port', dnsAddress, dnsPort, error)
  })
  scope.own('DNS', () => dns.close())
  log.info({ address: dnsAddress, port: dns.port, upstreams: settings.dnsUpstreams }, 'names are answered')
  return dns
}

const retryMs = { first: 1_000, most: 15_000 }

/**
 * Opens what a zone that answers names of before can do without for a while.
 * @throws what `open` throws, unless it is that the database does not answer and there is something to serve meanwhile
 */
export async function openedInTime<T>(
  open: () => Promise<T>,
  dns: ZoneDns | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<T> {
  for (let waitMs = retryMs.first; ; waitMs = Math.min(2 * waitMs, retryMs.most))
    try {
      return await open()
    } catch (error) {
      const isAway = error instanceof Problem && error.kind === 'unavailable'
      if (!isAway || dns?.hasRecalled !== true || signal.aborted) throw error
      log.error({ err: error, waitMs }, 'the database does not answer: only names of before are served; trying again')
      await sleep(waitMs, undefined, { signal })
    }
}

/**
 * From here on names follow the store.
 * @param isInStep whether the zone is in step with its global now; undefined: it stands alone
 */
export function followStore(
  dns: ZoneDns,
  store: ControlPlaneStore,
  isInStep: (() => boolean | Promise<boolean>) | undefined,
  scope: Scope,
): void {
  scope.own('names', () => dns.unfollow())
  dns.follow(store, async () => {
    const { state } = await store.status()
    // Out of step, a zone's store may lack what it has not been told yet; put back from a backup it is ready, and only
    // global knows what it had since.
    return state === 'ready' && (isInStep === undefined || (await isInStep()))
  })
}

export function dnsMetrics(registry: Registry, dns: ZoneDns): void {
  const gauge = (name: string, help: string, value: (standing: DnsStanding) => number): void => {
    new Gauge({
      name: `holdfast_dns_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(dns.standing()))
      },
    })
  }
  gauge('hostnames', 'Names that this zone answers', ({ hostnames }) => hostnames)
  gauge('following', '1 while the names follow the store, 0 while they stay as they were', ({ following }) =>
    Number(following),
  )
  gauge('kept', 'Services answered on the word of an earlier store alone', ({ kept }) => kept)
  gauge(
    'unserved',
    'Names that a service should have and has not: collisions, and names that are none',
    ({ unserved }) => unserved,
  )
  gauge('faults', 'Services whose answers differ from ledger or store', () => dns.faults.length)
  new Gauge({
    name: 'holdfast_dns_queries',
    help: 'Queries since the start, by what became of them',
    labelNames: ['verdict'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [verdict, count] of Object.entries(dns.standing().verdicts)) this.set({ verdict }, count)
    },
  })
}
