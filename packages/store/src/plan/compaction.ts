/** A zone that is away for less finds every removal in the log. */
export const tombstoneKeptMs = 24 * 60 * 60 * 1000
/** The slowest zone makes the log grow no longer than this. */
export const tombstoneKeptMaxMs = 7 * tombstoneKeptMs
