/** Every number of the transport that a reader may want to argue with, and why it is what it is. */

const mebibyte = 1024 * 1024

export interface LinkLimits {
  /** One message, uncompressed, in either direction. Kuma's `maxMsgSize`; grpc-js would receive 4 MiB by default. */
  readonly messageBytesMax: number
  /** What may wait to be sent on one stream before the link closes: three whole lists of the largest size. */
  readonly bufferBytesMax: number
  /** Above this much waiting a link is not `writable`: an ordinary page, so that one is built while one is sent. */
  readonly bufferBytesHigh: number
  /** The partner of a session's first stream is sent within milliseconds of it; later it will not come any more. */
  readonly pairTimeoutMs: number
  /** Sessions of which only one stream is there yet: all zones of a large mesh at once. */
  readonly pairingsMax: number
  /** Closing a link: flushing what waits and telling the peer take half of it each. */
  readonly closeTimeoutMs: number
  /** Until a TCP and HTTP/2 connection stands. grpc-js itself would wait for the operating system, minutes. */
  readonly connectTimeoutMs: number
  /** Serving: connections at once. A zone has one; 45 KiB each, 82 with TLS. */
  readonly connectionsMax: number
  /** Of one address: all zones may come through one load balancer or NAT, but not all of what there can be. */
  readonly connectionsPerAddressMax: number
  /** From the TCP connection to the headers of its first call. A zone calls in the moment in which it can. */
  readonly handshakeTimeoutMs: number
  /** Serving: a connection on which nothing is called. A zone's streams stand as long as its connection. */
  readonly idleTimeoutMs: number
  /** Serving: calls at once on one connection. A Kuma zone has 6; a proxy that speaks HTTP/2 may put many zones on one. */
  readonly streamsPerConnectionMax: number
  /** Serving: calls that one connection may open at once, and a second after that: a health check each 10 s, a few streams. */
  readonly callsBurst: number
  readonly callsPerSecond: number
  /** Messages of one link that are read at once, and a second after that: what comes faster is read later. */
  readonly messagesBurst: number
  readonly messagesPerSecond: number
}

export const defaultLimits: LinkLimits = {
  messageBytesMax: 10 * mebibyte,
  bufferBytesMax: 32 * mebibyte,
  bufferBytesHigh: mebibyte,
  pairTimeoutMs: 5_000,
  pairingsMax: 1_024,
  closeTimeoutMs: 2_000,
  connectTimeoutMs: 10_000,
  connectionsMax: 4_096,
  connectionsPerAddressMax: 1_024,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  streamsPerConnectionMax: 256,
  callsBurst: 1_024,
  callsPerSecond: 64,
  messagesBurst: 10_000,
  messagesPerSecond: 5_000,
}

/** Limits of links on which a message may have so much; what waits to be sent grows with it. */
export const limitsFor = (messageBytesMax: number): Pick<LinkLimits, 'messageBytesMax' | 'bufferBytesMax'> => ({
  messageBytesMax,
  bufferBytesMax: Math.max(defaultLimits.bufferBytesMax, Math.ceil(3.2 * messageBytesMax)),
})

/** Bytes handed to gRPC at once; the rest waits with us, where it can still be dropped. */
export const inGrpcBytesMax = mebibyte

/** A real Kuma global sends GOAWAY to a client that pings more often than every 15 s. */
export const dialKeepaliveMs = 20_000
export const serveKeepaliveMs = 15_000
export const keepaliveTimeoutMs = 15_000

/** HTTP/2 window: the default of 64 KiB stalls messages of a quarter MiB (measured: half as many again per second). */
export const flowControlBytes = mebibyte

/** How often a zone reports its health unless global says otherwise, as Kuma zones do. */
export const healthIntervalMs = 5 * 60_000
/** What we tell zones: three missed ones are noticed within half a minute. */
export const healthIntervalAnsweredMs = 10_000

export const grpcOptions = (limits: LinkLimits, keepaliveMs: number) => ({
  'grpc.max_receive_message_length': limits.messageBytesMax,
  'grpc.max_send_message_length': limits.messageBytesMax,
  'grpc.keepalive_time_ms': keepaliveMs,
  'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc-node.flow_control_window': flowControlBytes,
})
