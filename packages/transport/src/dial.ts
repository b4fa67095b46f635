import { connectivityState } from '@grpc/grpc-js'
import type { AnswerAdmin } from './admin/clerk.js'
import { clientOf } from './client.js'
import { nodeFeatures } from './codec/node.js'
import { OfferEncoder } from './codec/offers.js'
import { plainCodecContext } from './codec/plain.js'
import { streamNames } from './codec/streams.js'
import { startCompanions } from './companions.js'
import { hostPort, parseKdsAddress } from './kds-address.js'
import { defaultLimits, type LinkLimits } from './limits.js'
import type { Link } from './link.js'
import { LinkCore } from './link-core.js'
import { dialMetadata } from './metadata.js'
import { asIs, syncPaths } from './methods.js'
import type { LinkEnd } from './status.js'
import { clientWire } from './wire.js'

/** What a zone tells a global about its own configuration. */
export interface ZoneNodeConfig {
  /** Kuma's words: `postgres`. */
  readonly storeType: string
  /** Kuma's words: `universal` or `kubernetes`. */
  readonly environment: string
  /** The whole configuration as JSON text, passwords hidden: only a Kuma global gets it. */
  readonly full: string
}

export interface DialTls {
  /** PEM; the system's roots if absent. */
  readonly rootCa?: Buffer | undefined
  /** Encrypts without checking whom it talks to. */
  readonly skipVerify?: boolean | undefined
  /** Name in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined
  /** SPIFFE ID in the certificate: then it may be dialled by any name. */
  readonly serverId?: string | undefined
  /** What we show of ourselves, PEM. */
  readonly certificate?: { readonly cert: Buffer; readonly key: Buffer } | undefined
}

export interface DialOptions {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`. */
  readonly address: string
  readonly zone: string
  /** A new UUID for every attempt. */
  readonly sessionId: string
  /** Build version. */
  readonly version: string
  /** New at every process start. */
  readonly instanceId: string
  readonly nodeConfig: ZoneNodeConfig
  /** Towards a Kuma global: answers what it asks about the proxies of this zone. */
  readonly answerAdmin?: AnswerAdmin | undefined
  /** With `grpcs://` only. */
  readonly tls?: DialTls | undefined
  /** A zone token, where no certificate proves who we are. */
  readonly token?: string | undefined
  /** What the last global said (`link.peer.affinity`), for a load balancer on the way. */
  readonly affinity?: string | undefined
  readonly limits?: Partial<LinkLimits> | undefined
  /** Closes the link. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Dials a global as a Kuma zone does, on a connection of its own. Nothing is opened before the link is started; whatever
 * goes wrong afterwards is its `closed` event. Throws a Problem `invalid` for an address that is none.
 */
export function dialKds(options: DialOptions): Link {
  const address = parseKdsAddress(options.address)
  const limits = { ...defaultLimits, ...options.limits }
  const { zone, version, instanceId, nodeConfig, sessionId, answerAdmin, token, affinity, signal } = options
  const encoder = new OfferEncoder()
  const metadata = dialMetadata({ zone, version, sessionId, token, affinity })
  const client = clientOf(address, options, limits)
  let stopCompanions = (): void => {}
  let connectTimer: NodeJS.Timeout | undefined

  const aborted = (): void => void link.close({ code: 'CANCELLED', reason: 'the zone stops' })
  const link = new LinkCore({
    role: 'zone',
    zone,
    peer: {
      name: 'global',
      version: '',
      instanceId: '',
      sessionId,
      remoteAddress: hostPort(address.host, address.port),
      features: [],
    },
    // GlobalToZoneSync first: a Kuma global up to 2.13 creates the Zone object there, and only there.
    wires: streamNames.map((stream) =>
      clientWire(stream, () => client.makeBidiStreamRequest(syncPaths[stream], asIs, asIs, metadata)),
    ),
    session: { role: 'zone', zone, encoder, description: { instanceId, ...nodeConfig } },
    plain: plainCodecContext(
      'zone',
      zone,
      { version, instanceId, features: nodeFeatures, config: nodeConfig.full },
      encoder,
    ),
    limits,
    onStarted: () => {
      connectTimer = setTimeout(() => {
        if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return
        const where = hostPort(address.host, address.port)
        link.peerEnded({
          code: 'UNAVAILABLE',
          reason: `no connection to ${where} within ${limits.connectTimeoutMs} ms; is a global listening there?`,
        })
      }, limits.connectTimeoutMs)
    },
    onPlain: () => {
      stopCompanions = startCompanions({
        client,
        metadata,
        answerAdmin,
        onEnded: (end: LinkEnd) => link.peerEnded(end),
      })
    },
    onClosed: () => {
      clearTimeout(connectTimer)
      stopCompanions()
      signal?.removeEventListener('abort', aborted)
    },
    release: () => client.close(),
  })
  signal?.addEventListener('abort', aborted, { once: true })
  if (signal?.aborted === true) aborted()

  return link
}
