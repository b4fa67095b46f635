/**
 * When a sender's log was compacted in the middle of a range: what was removed meanwhile is said by no tombstone any
 * more, and its receiver finds by the proof that it still has it. A range outlives the session that began it, so this
 * counts from where the receiver was last whole and not from when a session with it began.
 */
export class Compactions {
  /** Where the sender's log began when the range of a channel began, by channel and both its ends. */
  readonly #logFrom = new Map<string, number>()

  /**
   * A session goes on with a channel.
   * @param logFrom where the sender's log begins now
   * @param isInterrupted whether the receiver stands within a range that an earlier session began
   */
  opened(channel: string, logFrom: number, isInterrupted: boolean): void {
    if (!isInterrupted || !this.#logFrom.has(channel)) this.#logFrom.set(channel, logFrom)
  }

  /**
   * The receiver has everything up to a revision: what it has from here on begins a range of its own. It may hear of that so
   * late that the log was compacted beyond it meanwhile.
   */
  inStep(channel: string, logFrom: number, revision: number): void {
    this.#logFrom.set(channel, Math.min(logFrom, revision))
  }

  /** Whether the log has lost anything since the range of this channel began. */
  within(channel: string, logFrom: number): boolean {
    return logFrom > (this.#logFrom.get(channel) ?? 0)
  }
}
