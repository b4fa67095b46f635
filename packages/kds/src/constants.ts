/** Every number of the protocol that a reader may want to argue with, and why it is what it is. */

const second = 1000
const minute = 60 * second
const mebibyte = 1024 * 1024

/**
 * One page of a range, and one answer of a repair: with its frame a message of 1 MiB at most, small enough that another
 * type or a heartbeat never waits long.
 */
export const pageBytes = mebibyte - 4096

/** The first response of a type towards Kuma must be whole, and a Kuma receives 10 MiB at most unless it was told otherwise (Kuma KDS). */
export const plainListBytes = 10 * mebibyte

/**
 * Real Kuma sends the headers of ZoneToGlobalSync unprompted, within milliseconds; later than this it is a Kuma to us,
 * unless it has shown the extension before: then the link is slow, and the time of a handshake counts.
 */
export const headersTimeoutMs = 2 * second

/** A hello needs one transaction on the other side; with all zones returning at once it may queue for a while. */
export const handshakeTimeoutMs = 30 * second

export const heartbeatMs = 5 * second
/** Dead after so many of our own intervals without a word. */
export const missedMax = 3

/**
 * The heartbeat travels on GlobalToZoneSync. When the other stream falls silent alone (a proxy that takes two ways), only
 * an answer that never comes tells. Longer than a store may take for a page; a session that begins anew goes on where
 * it was.
 */
export const unansweredMs = minute

/** A bug that makes digests never agree must cost one repair a minute, not all of the machine (repair storm). */
export const repairEveryMs = minute

/** An idle receiver proves its rows again this often although the sender's mark has not moved: rows rot without a write. */
export const proofAgainMs = minute

/** How often a receiver looks for refusals whose back-off has passed. */
export const refusalsEveryMs = 30 * second
/** Keys in one question about refusals; the others are asked the next time. */
export const askedKeysMax = 512

/** Types up to this many entries on both sides together are compared whole: one round trip instead of four. */
export const wholeTypeMax = 512
export const bucketFanOut = 32
export const bucketLevels = 3
/** Prefixes in one bucket question (28 KiB), where nearly everything differs. */
export const prefixesMax = 1024
/** Differing buckets in one entry question: about 200 entries at 100,000 resources. */
export const entryBucketsMax = 64

/** Deltas that may wait for the receiver's store: one per type is what a sender may have in flight, and a few. */
export const deltasWaitingMax = 64

/** Refused resources that are remembered per type of a Kuma peer, which does not say which of a response it refused. */
export const plainRefusedMax = 256
export const plainBackoffMs = minute
export const plainBackoffMaxMs = 16 * minute

/** A Kuma answers types one after the other: one that has not for so long holds the changes of the others up no more. */
export const plainSlowMs = 5 * second
/** Keys that may have changed while their types are not answered; a peer with more of them begins anew. */
export const plainLateMax = 8_192
/** A list that was too large is read again this long after, if anything has changed. */
export const plainTooLargeRetryMs = minute
/**
 * What we have answered a Kuma is said again this long after. A Kuma clears what it knows of a node when a stream of it
 * ends, also when that is an older one that it notices late: then the newer one hears of nothing until it asks again.
 */
export const plainRepeatMs = 30 * second
/** Types that a peer may subscribe to: a Kuma of 2.14 has 45. Each costs a read and a response, also if nobody knows it. */
export const plainTypesMax = 256
