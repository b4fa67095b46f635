/**
 * Does what follows from the end of a call after whatever has told us of it has returned. gRPC tells us within nghttp2's own
 * callback for a stream that the peer has reset. Node 20 sends what is pending when a stream or a session is closed, and if
 * that happens in there while the ended stream had something to send, nghttp2 asks a stream that Node has forgotten already
 * for more, gets nothing and no end, and asks again: a loop that takes all memory (seen with 20.20.2, gone in 22).
 * Promises are settled in there as well: only a turn of the event loop is far enough away.
 */
export const inTurnOfItsOwn = (follow: () => void): void => void setImmediate(follow)
