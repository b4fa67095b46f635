/** What one stream still has to send. Bytes beyond what gRPC is given at once wait here, where they can be dropped. */
export interface Outbox {
  /** `overflow`: the bound would be passed, nothing was taken. After `drop` everything is taken and forgotten. */
  push(bytes: Uint8Array): 'queued' | 'overflow'
  /** Bytes pushed and not yet written. */
  waitingBytes(): number
  /** Resolves once no more than `high` bytes wait, or all was dropped. */
  drained(): Promise<void>
  /** Resolves once nothing waits, or all was dropped. */
  flushed(): Promise<void>
  drop(): void
}

export interface OutboxOptions {
  /** Hands bytes over; `written` is called once they are on their way. */
  readonly write: (bytes: Uint8Array, written: () => void) => void
  readonly max: number
  readonly high: number
  /** Handed over and not yet written, at most; one message always goes. */
  readonly handedMax: number
}

export function createOutbox({ write, max, high, handedMax }: OutboxOptions): Outbox {
  const queue: Uint8Array[] = []
  let queuedBytes = 0
  let handedBytes = 0
  let dropped = false
  let waiters: { readonly below: number; readonly resolve: () => void }[] = []

  const waitingBytes = (): number => (dropped ? 0 : queuedBytes + handedBytes)

  const wake = (): void => {
    const waiting = waitingBytes()
    const due = waiters.filter(({ below }) => waiting <= below)
    if (due.length === 0) return
    waiters = waiters.filter(({ below }) => waiting > below)
    for (const { resolve } of due) resolve()
  }

  const hand = (): void => {
    for (;;) {
      const next = queue[0]
      if (next === undefined || (handedBytes > 0 && handedBytes + next.length > handedMax)) return
      queue.shift()
      queuedBytes -= next.length
      handedBytes += next.length
      write(next, () => {
        handedBytes -= next.length
        if (dropped) return
        hand()
        wake()
      })
    }
  }

  const below = (bytes: number): Promise<void> =>
    waitingBytes() <= bytes ? Promise.resolve() : new Promise((resolve) => waiters.push({ below: bytes, resolve }))

  return {
    push(bytes) {
      if (dropped) return 'queued'
      // A single message is never refused here: its own limit is smaller and was checked.
      if (waitingBytes() > 0 && waitingBytes() + bytes.length > max) return 'overflow'
      queue.push(bytes)
      queuedBytes += bytes.length
      hand()
      return 'queued'
    },
    waitingBytes,
    drained: () => below(high),
    flushed: () => below(0),
    drop() {
      dropped = true
      queue.length = 0
      queuedBytes = 0
      wake()
    },
  }
}
