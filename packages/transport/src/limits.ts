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
}

export const defaultLimits: LinkLimits = {
  messageBytesMax: 10 * mebibyte,
  bufferBytesMax: 32 * mebibyte,
  bufferBytesHigh: mebibyte,
  pairTimeoutMs: 5_000,
  pairingsMax: 1_024,
  closeTimeoutMs: 2_000,
  connectTimeoutMs: 10_000,
}

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
