import type { Socket } from 'node:net'
import { AbstractConnector, Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { type RedisTarget, tlsOptions } from './redis-url.js'

export type RedisClient = Redis | Cluster

const connectTimeoutMs = 3_000
/** An answer that takes longer is of no use: the log has been looked at by then. */
export const commandTimeoutMs = 1_000

/**
 * ioredis listens for one error of a socket, and ends it when it lets go. In the middle of a TLS handshake that brings two: that
 * who answers is not believed, and what the server says of the broken handshake. The second one would end the process. Connectors
 * of every shape, also those inside of a cluster and towards a sentinel, let go of their sockets here.
 */
const letGo = AbstractConnector.prototype.disconnect
AbstractConnector.prototype.disconnect = function disconnect(this: { readonly stream?: Socket }): void {
  this.stream?.on('error', () => {})
  letGo.call(this as unknown as AbstractConnector)
}

/**
 * A client that is not connected yet and never connects again by itself: whoever owns it lets go of it as a whole and makes
 * another one, with nothing left over of the old one (no queue, no timer, no subscription).
 */
export function createClient(target: RedisTarget): RedisClient {
  const { hosts, username, password, tls } = target
  const common = {
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableReadyCheck: true,
    autoResubscribe: false,
    keepAlive: 10_000,
    connectionName: 'holdfast',
    retryStrategy: () => null,
    reconnectOnError: () => false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  } satisfies RedisOptions
  switch (target.shape) {
    case 'single':
      return new Redis({ ...common, host: hosts[0].host, port: hosts[0].port, db: target.db })
    case 'sentinel':
      return new Redis({
        ...common,
        sentinels: hosts.map((host) => ({ ...host })),
        name: target.master,
        db: target.db,
        sentinelRetryStrategy: () => null,
        ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) }),
        ...(target.sentinelUsername === undefined ? {} : { sentinelUsername: target.sentinelUsername }),
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
      })
    case 'cluster': {
      const options = {
        lazyConnect: true,
        enableOfflineQueue: false,
        clusterRetryStrategy: () => null,
        slotsRefreshTimeout: connectTimeoutMs,
        redisOptions: common,
        // Names of certificates are checked where there is TLS; what DNS says of them is not ours to resolve.
        ...(tls === undefined
          ? {}
          : { dnsLookup: (address: string, done: (error: null, address: string) => void) => done(null, address) }),
      } satisfies ClusterOptions
      return new Cluster(
        hosts.map((host) => ({ ...host })),
        options,
      )
    }
  }
}
