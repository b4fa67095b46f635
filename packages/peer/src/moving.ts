/**
 * Said with the end of a session by a global that is about to stop, as the details of its status (so it is part of the wire):
 * the zone does not wait, and dials another global first. To an older zone it is the end of a session like any other.
 */
const moving = 'moving'

export const movingReason = (why: string): string => `${moving}: ${why}; dial another global now`

/** Whether a session ended by it. */
export const isMoving = (reason: string): boolean => new RegExp(`(^|\\s)${moving}: `).test(reason)
