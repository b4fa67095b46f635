import { createHash } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import type { Credential } from '@holdfast/identity'
import { invariant, Problem } from '@holdfast/model'
import { ZoneHealthCheckResponseSchema } from '@holdfast/proto'
import { AdminDesk, type AskOptions } from './admin/desk.js'
import { type AdminKind, type AdminQuestion, adminKinds, adminPathOf } from './admin/messages.js'
import { answerCertify, type Certified, certifyPath } from './certify.js'
import { nodeFeatures } from './codec/node.js'
import { OfferEncoder } from './codec/offers.js'
import { plainCodecContext } from './codec/plain.js'
import type { StreamName } from './codec/streams.js'
import { Gate, type TurnedAway } from './gate.js'
import { hostPort } from './kds-address.js'
import { defaultLimits, grpcOptions, healthIntervalAnsweredMs, type LinkLimits, serveKeepaliveMs } from './limits.js'
import type { Link } from './link.js'
import { LinkCore } from './link-core.js'
import { type DialingPeer, dialingPeer, serveMetadata } from './metadata.js'
import { asIs, healthCheckPath, syncPaths } from './methods.js'
import { createPairing } from './pairing.js'
import { ReplaceableTls, type ServeTls } from './serve-tls.js'
import { type LinkEnd, statusDetails, statusNumber } from './status.js'
import { serverWire } from './wire.js'
import { within } from './within.js'

/** A load balancer that keeps a connection together brings both streams within a round trip. */
const aloneForMs = 150

type Call = ServerDuplexStream<Buffer, Buffer>
type Unary = ServerUnaryCall<Buffer, Buffer>

interface Half {
  readonly peer: DialingPeer
  readonly call: Call
  readonly credential: Credential | undefined
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
  readonly call: StreamName | 'health' | 'admin' | 'certify'
  readonly remoteAddress: string
  /** DER of the certificate whose key the caller has, if TLS found it to be of one of our authorities and in its time. */
  readonly certificate?: Uint8Array | undefined
}

/** With which proof a call is let in, or with which end it is refused. */
export type AdmissionAnswer = { readonly credential: Credential | undefined } | LinkEnd

export interface ServeOptions {
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  /** Of a socket that is listened on already; then address and port are what it has. */
  readonly descriptor?: number | undefined
  /** Plaintext HTTP/2 if absent. */
  readonly tls?: ServeTls | undefined
  readonly identity: ServeIdentity
  /** Absent: everybody is let in. */
  readonly admit?: ((admission: Admission) => Promise<AdmissionAnswer>) | undefined
  /** Certifies the key of a zone that was let in. Absent: there is nothing of the kind here, as at a Kuma. */
  readonly certify?: ((peer: DialingPeer, request: Uint8Array) => Promise<Certified | LinkEnd>) | undefined
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
  /** A connection was refused or cut, or its calls are, before anybody's name was known. */
  readonly onTurnedAway?: ((turnedAway: TurnedAway) => void) | undefined
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
  /** For connections from here on; those that stand go on. Only where there was TLS from the start. */
  replaceTls(tls: ServeTls): void
  /** How many offers were encoded for all zones together. */
  encodings(): number
  /** Connections that stand now, whoever is at their other ends. */
  connections(): number
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
  // Names of machines are in the identifier of a process: they are nobody's business.
  const affinity = createHash('sha256').update(options.identity.instanceId).digest('base64url').slice(0, 16)
  const links = new Set<LinkCore>()
  const desk = new AdminDesk(endCall)
  let closing: Promise<void> | undefined

  const open = (
    peer: DialingPeer,
    halves: readonly { readonly stream: StreamName; readonly call: Call }[],
    credential: Credential | undefined,
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
        ...(credential === undefined ? {} : { credential }),
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
        // The one that another replica has let in comes without.
        globalToZone.credential ?? zoneToGlobal.credential,
        key,
      )
    },
    onLone: ({ call, stopSeeking }, end) => {
      stopSeeking?.()
      endCall(call, end)
    },
  })

  /** Who calls and with which proof, if the call may go on; otherwise its end was said to `refuse`. */
  const admitted = async (
    call: Call | Unary,
    as: Admission['call'],
    refuse: (end: LinkEnd) => void,
    /** Another replica has let it in. */
    isForwarded = false,
  ): Promise<{ readonly peer: DialingPeer; readonly credential: Credential | undefined } | undefined> => {
    const found = dialingPeer(call.metadata, as === 'globalToZone' || as === 'zoneToGlobal' ? 'sync' : 'other')
    if (!found.ok) refuse(found.end)
    if (!found.ok || isClosing(refuse)) return undefined
    const { peer } = found
    if (isForwarded) return { peer, credential: undefined }
    const certificate = call.getAuthContext().sslPeerCertificate?.raw
    const answer = await options
      .admit?.({ peer, call: as, remoteAddress: call.getPeer(), certificate })
      .catch((): AdmissionAnswer => ({ code: 'UNAVAILABLE', reason: 'who this is could not be looked up; try again' }))
    if (answer !== undefined && 'code' in answer) refuse(answer)
    else if (!call.cancelled && !isClosing(refuse)) return { peer, credential: answer?.credential }
    return undefined
  }
  const isClosing = (refuse: (end: LinkEnd) => void): boolean => {
    if (closing !== undefined) refuse(stopping)
    return closing !== undefined
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

  const sync = (stream: StreamName, isForwarded: boolean) => async (call: Call) => {
    call.on('error', () => {})
    const entry = await admitted(call, stream, (end) => endCall(call, end), isForwarded)
    if (entry === undefined) return
    const { peer, credential } = entry
    if (!peer.extension) {
      open(peer, [{ stream, call }], credential)
      return
    }
    // At once, for the zone speaks only after it has seen them, and global only after the zone.
    call.sendMetadata(serveMetadata(affinity))
    const key = `${peer.zone}\n${peer.sessionId}`
    const half: Half = { peer, call, credential }
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

  const admin = (kind: AdminKind) => async (call: Call) => {
    call.on('error', () => {})
    const entry = await admitted(call, 'admin', (end) => endCall(call, end))
    if (entry !== undefined) desk.open(entry.peer.zone, kind, call)
  }

  const unary =
    (as: 'health' | 'certify', handle: (peer: DialingPeer, call: Unary, answer: sendUnaryData<Buffer>) => void) =>
    async (call: Unary, answer: sendUnaryData<Buffer>): Promise<void> => {
      const entry = await admitted(call, as, ({ code, reason }) =>
        answer({ code: statusNumber(code), details: statusDetails(reason) }),
      )
      if (entry !== undefined) handle(entry.peer, call, answer)
    }
  const health = unary('health', (peer, _call, answer) => {
    options.onHealthCheck?.(peer)
    answer(null, healthAnswer(options.healthIntervalMs ?? healthIntervalAnsweredMs))
  })

  const gate = new Gate({ limits, onTurnedAway: options.onTurnedAway })
  const server = new Server({ ...grpcOptions(limits, serveKeepaliveMs), ...gate.serverOptions })
  const bidi = (path: string, handle: (call: Call) => Promise<void>) =>
    server.register(path, handle, asIs, asIs, 'bidi')
  bidi(syncPaths.globalToZone, sync('globalToZone', false))
  bidi(syncPaths.zoneToGlobal, sync('zoneToGlobal', false))
  for (const kind of adminKinds) bidi(adminPathOf[kind], admin(kind))
  server.register(healthCheckPath, health, asIs, asIs, 'unary')
  const { certify } = options
  if (certify !== undefined)
    server.register(
      certifyPath,
      unary('certify', (peer, call, answer) => void answerCertify(call, answer, (request) => certify(peer, request))),
      asIs,
      asIs,
      'unary',
    )

  const close = (): Promise<void> => {
    closing ??= shutDown()
    return closing
  }
  const shutDown = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', aborted)
    gate.stopAccepting()
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    pairing.close(stopping)
    desk.close(stopping)
    await Promise.all([...links].map((link) => link.close(stopping)))
    if (!(await within(limits.closeTimeoutMs, drained))) server.forceShutdown()
    gate.cut()
  }
  const aborted = (): void => void close()

  const secured = options.tls === undefined ? undefined : new ReplaceableTls(options.tls)
  const port = await listen(gate, server, options, secured ?? ServerCredentials.createInsecure())
  options.signal?.addEventListener('abort', aborted, { once: true })
  if (options.signal?.aborted === true) aborted()
  const replaceTls = (tls: ServeTls): void => {
    invariant(secured !== undefined, 'a server without TLS has no certificate to replace')
    secured.replace(tls)
  }
  return {
    port,
    takeForwarded: (stream, call) => void sync(stream, true)(call),
    replaceTls,
    encodings: () => encoder.encodings,
    connections: () => gate.connectionCount,
    adminKindsOf: (zone) => desk.kindsOf(zone),
    askAdmin: (zone, question, how) => desk.ask(zone, question, how),
    close,
  }
}

const listen = (
  gate: Gate,
  server: Server,
  { address, port, descriptor }: ServeOptions,
  security: ServerCredentials,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const where = hostPort(address, port)
    gate.bind(server, { address, port, descriptor, security }, (error, bound) => {
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
