import { create, toBinary } from '@bufbuild/protobuf'
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { Problem } from '@holdfast/model'
import { ZoneHealthCheckResponseSchema } from '@holdfast/proto'
import { AdminDesk, type AskOptions } from './admin/desk.js'
import { type AdminKind, type AdminQuestion, adminKinds, adminPathOf } from './admin/messages.js'
import { nodeFeatures } from './codec/node.js'
import { OfferEncoder } from './codec/offers.js'
import { plainCodecContext } from './codec/plain.js'
import type { StreamName } from './codec/streams.js'
import { hostPort } from './kds-address.js'
import { defaultLimits, grpcOptions, healthIntervalAnsweredMs, type LinkLimits, serveKeepaliveMs } from './limits.js'
import type { Link } from './link.js'
import { LinkCore } from './link-core.js'
import { type DialingPeer, dialingPeer, serveMetadata } from './metadata.js'
import { asIs, healthCheckPath, syncPaths } from './methods.js'
import { createPairing } from './pairing.js'
import { type LinkEnd, statusDetails, statusNumber } from './status.js'
import { serverWire } from './wire.js'
import { within } from './within.js'

/** A load balancer that keeps a connection together brings both streams within a round trip. */
const aloneForMs = 150

type Call = ServerDuplexStream<Buffer, Buffer>

interface Half {
  readonly peer: DialingPeer
  readonly call: Call
  stopSeeking?: () => void
}

export interface ServeIdentity {
  /** Build version. */
  readonly version: string
  /** New at every process start. */
  readonly instanceId: string
}

/** A call that asks to be let in. Both streams of a session are asked for, and each check of health. */
export interface Admission {
  readonly peer: DialingPeer
  readonly call: StreamName | 'health' | 'admin'
  readonly remoteAddress: string
}

export interface ServeTls {
  /** PEM, with intermediates. */
  readonly cert: Buffer
  /** PEM. */
  readonly key: Buffer
}

export interface ServeOptions {
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  /** Plaintext HTTP/2 if absent. */
  readonly tls?: ServeTls | undefined
  readonly identity: ServeIdentity
  /** Says with which end a call is refused; `undefined` lets it in. */
  readonly admit?: ((admission: Admission) => LinkEnd | undefined) | undefined
  /** Gets every link once its streams are there; it must start or close it. */
  readonly onLink: (link: Link) => void
  /**
   * A stream of a session has been alone for a moment: its partner may have come to another replica. Resolves to what
   * takes the call over, or to undefined where it goes on waiting here.
   */
  readonly seek?: ((half: LoneHalf) => Promise<((call: Call) => void) | undefined>) | undefined
  /** A plain zone's sign of life. */
  readonly onHealthCheck?: ((peer: DialingPeer) => void) | undefined
  /** How often plain zones are told to give one. */
  readonly healthIntervalMs?: number | undefined
  readonly limits?: Partial<LinkLimits> | undefined
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined
}

export interface LoneHalf {
  readonly zone: string
  readonly sessionId: string
  readonly stream: StreamName
  /** Aborted when it is alone no more. */
  readonly signal: AbortSignal
}

export interface KdsServer {
  /** A stream of a zone that another replica has let in, because its partner is here. */
  takeForwarded(stream: StreamName, call: Call): void
  readonly port: number
  /** How many offers were encoded for all zones together. */
  encodings(): number
  /** On which admin streams a plain zone can be asked now. */
  adminKindsOf(zone: string): readonly AdminKind[]
  /**
   * Asks a plain zone about one of its proxies.
   * @throws Problem `unavailable` or `invalid`, in words for whoever asked
   */
  askAdmin(zone: string, question: AdminQuestion, options: AskOptions): Promise<Uint8Array>
  /** Stops accepting, ends every stream with UNAVAILABLE, then closes all connections. Idempotent, bounded. */
  close(): Promise<void>
}

const stopping: LinkEnd = { code: 'UNAVAILABLE', reason: 'stream unavailable' }

/**
 * Serves zones on a global's KDS port: Holdfast sessions, plain Kuma zones, and what else Kuma zones call there.
 * Throws a Problem `unavailable` if it cannot listen.
 */
export async function serveKds(options: ServeOptions): Promise<KdsServer> {
  const limits = { ...defaultLimits, ...options.limits }
  const encoder = new OfferEncoder()
  const links = new Set<LinkCore>()
  const desk = new AdminDesk(endCall)
  let closing: Promise<void> | undefined

  const open = (
    peer: DialingPeer,
    halves: readonly { readonly stream: StreamName; readonly call: Call }[],
    key?: string,
  ) => {
    const { zone } = peer
    const { version, instanceId } = options.identity
    const link = new LinkCore({
      role: 'global',
      zone,
      peer: {
        name: zone,
        extension: peer.extension,
        version: peer.version,
        instanceId: '',
        ...(peer.sessionId === undefined ? {} : { sessionId: peer.sessionId }),
        remoteAddress: halves[0]?.call.getPeer() ?? '',
        features: peer.features,
      },
      wires: halves.map(({ stream, call }) => serverWire(stream, call)),
      session: { role: 'global', zone, encoder },
      plain: plainCodecContext('global', zone, { version, instanceId, features: nodeFeatures, config: '' }, encoder),
      limits,
      onClosed: () => {
        if (key !== undefined) pairing.forget(key)
      },
      release: () => links.delete(link),
    })
    links.add(link)
    options.onLink(link)
  }

  const pairing = createPairing<Half>({
    timeoutMs: limits.pairTimeoutMs,
    max: limits.pairingsMax,
    onPair: (key, { globalToZone, zoneToGlobal }) => {
      for (const half of [globalToZone, zoneToGlobal]) half.stopSeeking?.()
      open(
        globalToZone.peer,
        [
          { stream: 'globalToZone', call: globalToZone.call },
          { stream: 'zoneToGlobal', call: zoneToGlobal.call },
        ],
        key,
      )
    },
    onLone: ({ call, stopSeeking }, end) => {
      stopSeeking?.()
      endCall(call, end)
    },
  })

  /** The peer of a call that may go on; otherwise the call's end was said to `refuse`. */
  const admitted = (
    metadata: Metadata,
    call: Admission['call'],
    remoteAddress: string,
    refuse: (end: LinkEnd) => void,
    /** Another replica has let it in. */
    isForwarded = false,
  ): DialingPeer | undefined => {
    const found = dialingPeer(metadata, call === 'health' || call === 'admin' ? 'other' : 'sync')
    const end =
      closing !== undefined
        ? stopping
        : found.ok
          ? isForwarded
            ? undefined
            : options.admit?.({ peer: found.peer, call, remoteAddress })
          : found.end
    if (end !== undefined) refuse(end)
    return end === undefined && found.ok ? found.peer : undefined
  }

  /** While a half waits, its partner is looked for elsewhere. */
  const lookFor = (key: string, stream: StreamName, half: Half): void => {
    const { seek } = options
    const { zone, sessionId } = half.peer
    if (seek === undefined || sessionId === undefined) return
    const stop = new AbortController()
    half.stopSeeking = () => stop.abort()
    const timer = setTimeout(() => {
      void seek({ zone, sessionId, stream, signal: stop.signal })
        .then((take) => {
          if (take !== undefined && pairing.withdraw(key, half)) take(half.call)
        })
        .catch(() => {
          // It goes on waiting, and is ended in time.
        })
    }, aloneForMs)
    stop.signal.addEventListener('abort', () => clearTimeout(timer))
  }

  const sync = (stream: StreamName, isForwarded: boolean) => (call: Call) => {
    call.on('error', () => {})
    const peer = admitted(call.metadata, stream, call.getPeer(), (end) => endCall(call, end), isForwarded)
    if (peer === undefined) return
    if (!peer.extension) {
      open(peer, [{ stream, call }])
      return
    }
    // At once, for the zone speaks only after it has seen them, and global only after the zone.
    call.sendMetadata(serveMetadata())
    const key = `${peer.zone}\n${peer.sessionId}`
    const half: Half = { peer, call }
    const end = pairing.offer(key, stream, half)
    if (end !== undefined) {
      endCall(call, end)
      return
    }
    call.once('cancelled', () => {
      half.stopSeeking?.()
      pairing.withdraw(key, half)
    })
    if (!isForwarded && pairing.isWaiting(key)) lookFor(key, stream, half)
  }

  const admin = (kind: AdminKind) => (call: Call) => {
    call.on('error', () => {})
    const peer = admitted(call.metadata, 'admin', call.getPeer(), (end) => endCall(call, end))
    if (peer !== undefined) desk.open(peer.zone, kind, call)
  }

  const health = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    const peer = admitted(call.metadata, 'health', call.getPeer(), ({ code, reason }) =>
      answer({ code: statusNumber(code), details: statusDetails(reason) }),
    )
    if (peer === undefined) return
    options.onHealthCheck?.(peer)
    answer(null, healthAnswer(options.healthIntervalMs ?? healthIntervalAnsweredMs))
  }

  const server = new Server(grpcOptions(limits, serveKeepaliveMs))
  const bidi = (path: string, handle: (call: Call) => void) => server.register(path, handle, asIs, asIs, 'bidi')
  bidi(syncPaths.globalToZone, sync('globalToZone', false))
  bidi(syncPaths.zoneToGlobal, sync('zoneToGlobal', false))
  for (const kind of adminKinds) bidi(adminPathOf[kind], admin(kind))
  server.register(healthCheckPath, health, asIs, asIs, 'unary')

  const close = (): Promise<void> => {
    closing ??= shutDown()
    return closing
  }
  const shutDown = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', aborted)
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    pairing.close(stopping)
    desk.close(stopping)
    await Promise.all([...links].map((link) => link.close(stopping)))
    if (!(await within(limits.closeTimeoutMs, drained))) server.forceShutdown()
  }
  const aborted = (): void => void close()

  const port = await listen(server, options)
  options.signal?.addEventListener('abort', aborted, { once: true })
  if (options.signal?.aborted === true) aborted()
  return {
    port,
    takeForwarded: (stream, call) => sync(stream, true)(call),
    encodings: () => encoder.encodings,
    adminKindsOf: (zone) => desk.kindsOf(zone),
    askAdmin: (zone, question, how) => desk.ask(zone, question, how),
    close,
  }
}

const listen = (server: Server, { address, port, tls }: ServeOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    const where = hostPort(address, port)
    const security =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }])
    server.bindAsync(where, security, (error, bound) => {
      if (error === null) resolve(bound)
      else {
        server.forceShutdown()
        const message = `cannot listen for zones on ${where}: ${error.message}; choose another port or stop what uses it`
        reject(new Problem('unavailable', message, { cause: error }))
      }
    })
  })

function endCall(call: Call, { code, reason }: LinkEnd): void {
  call.emit('error', Object.assign(new Error(reason), { code: statusNumber(code), details: statusDetails(reason) }))
}

const healthAnswer = (intervalMs: number): Buffer =>
  Buffer.from(
    toBinary(
      ZoneHealthCheckResponseSchema,
      create(ZoneHealthCheckResponseSchema, {
        interval: { seconds: BigInt(Math.trunc(intervalMs / 1000)), nanos: (intervalMs % 1000) * 1_000_000 },
      }),
    ),
  )
