/** The numbers of the VIP ledger and why they are what they are. */

/** Double hashing finds a free address at 50 % load with probability 1 - 2^-32; beyond it a scan decides. */
export const probesMax = 32

/** 4,094 usable addresses: more than most zones have services, and 4,096 of them fit into a /8. */
export const firstBlockBits = 20
/** A block given by an operator has 14 usable addresses at least. */
export const smallestBlockBits = 28
/** One per owner and kind, never grown: 2^64 addresses cannot be used up. */
export const ipv6BlockBits = 64

/** Above it a block is not chosen first any more, and its owner asks for the next one. */
export const growLoad = 0.5
/** A freed address is worth more as a memory than as an address until its block gets this full. */
export const freeLoad = 0.75
/** An operator is told when a pool has come this far. */
export const alarmLoad = 0.8

/** Longer than any advertised DNS TTL (60 s) and than what a zone is usually away. */
export const quarantineMs = 24 * 60 * 60 * 1000

/** Kuma's own allocators count up from the start of their pool; what they have given out there is never ours. */
export const kumaCountsFrom = '241.0.0.0/12'
