import {
  type ClientDuplexStream,
  logVerbosity,
  type Metadata,
  type ServerDuplexStream,
  setLogVerbosity,
} from '@grpc/grpc-js'
import type { StreamName } from './codec/streams.js'
import { endedWords, type LinkEnd, statusDetails, statusName, statusNumber } from './status.js'
import { inTurnOfItsOwn } from './turn.js'

// grpc-js writes to stderr on its own; whatever it says there reaches us as a status as well, and is logged by us.
setLogVerbosity(logVerbosity.NONE)

/** One gRPC call as a link sees it, the same from either end. Messages are bytes: what they mean is the link's. */
export interface Wire {
  readonly stream: StreamName
  /** Begins to read. `ended` is called once, also if the call ended before. */
  open(listener: WireListener): void
  /** `written` is not called any more once the call has ended. */
  write(bytes: Uint8Array, written: () => void): void
  pause(): void
  resume(): void
  /** Ends our side after what was written. A dialled call has no status to give, the reason stays here. */
  finish(end: LinkEnd): void
  /** Ends the call as abruptly as gRPC lets us. */
  abort(end: LinkEnd): void
  /** Resolves when the call is over. */
  readonly over: Promise<void>
}

export interface WireListener {
  /** Response headers; only a dialled call has them. */
  headers(metadata: Metadata): void
  data(bytes: Uint8Array): void
  /** In a turn of its own, see `inTurnOfItsOwn`. */
  ended(end: LinkEnd): void
}

export function serverWire(stream: StreamName, call: ServerDuplexStream<Buffer, Buffer>): Wire {
  let listener: WireListener | undefined
  let end: LinkEnd | undefined
  let told = false
  const tell = (): void => {
    if (listener === undefined || end === undefined || told) return
    told = true
    listener.ended(end)
  }
  const ended = (how: LinkEnd): void => {
    if (end !== undefined) return
    end = how
    inTurnOfItsOwn(tell)
  }
  // grpc-js tells a cancelled call from a lost connection, or from a message over its limit, to nobody but the peer.
  call.on('cancelled', () =>
    ended({
      code: 'CANCELLED',
      reason: 'the zone cancelled the stream, sent a message that is too large, or the connection was lost',
    }),
  )
  const over = new Promise<void>((resolve) => call.once('close', resolve))
  const finish = (how: LinkEnd): void => {
    end ??= how
    if (call.cancelled || call.writableEnded) return
    if (how.code === 'OK') call.end()
    // grpc-js turns an `error` event on a server call into its status, after everything that was written.
    else
      call.emit(
        'error',
        Object.assign(new Error(how.reason), { code: statusNumber(how.code), details: statusDetails(how.reason) }),
      )
  }
  return {
    stream,
    over,
    open(to) {
      listener = to
      if (end !== undefined) {
        tell()
        return
      }
      call.on('data', (bytes: Buffer) => to.data(bytes))
      // A connection that is closed ends its streams first and cancels them in the same turn.
      call.on('end', () => setImmediate(() => ended({ code: 'OK', reason: 'the zone ended the stream' })))
    },
    write(bytes, written) {
      if (end === undefined) call.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), () => written())
    },
    pause: () => call.pause(),
    resume: () => call.resume(),
    finish,
    // A call of a peer that does not read lives until its connection does: what it had to send was dropped by us.
    abort: finish,
  }
}

export function clientWire(stream: StreamName, dial: () => ClientDuplexStream<Buffer, Buffer>): Wire {
  let call: ClientDuplexStream<Buffer, Buffer> | undefined
  let ended = false
  let settle = (): void => {}
  const over = new Promise<void>((resolve) => {
    settle = resolve
  })
  return {
    stream,
    over,
    open(listener) {
      call = dial()
      call.on('metadata', (metadata) => listener.headers(metadata))
      call.on('data', (bytes: Buffer) => listener.data(bytes))
      // The same is said by `status`, which comes for OK as well.
      call.on('error', () => {})
      call.on('status', ({ code, details }) => {
        ended = true
        inTurnOfItsOwn(() => {
          settle()
          listener.ended({ code: statusName(code), reason: endedWords(details) })
        })
      })
    },
    write(bytes, written) {
      if (!ended) call?.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), () => written())
    },
    pause: () => call?.pause(),
    resume: () => call?.resume(),
    finish() {
      if (call === undefined) settle()
      else if (!ended) call.end()
    },
    abort() {
      if (call === undefined) settle()
      else if (!ended) call.cancel()
    },
  }
}
