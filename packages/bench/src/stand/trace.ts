import type { Link, LinkCounters, LinkEvent, Sendable } from '@holdfast/transport'

/** What was said on a link so far, seen from the zone. */
export interface Said extends LinkCounters {
  /** Times that the zone had to wait for an answer: it said something, then heard something. */
  readonly roundTrips: number
}

const nothing: LinkCounters = { payloadBytesSent: 0, payloadBytesReceived: 0, messagesSent: 0, messagesReceived: 0 }

/** Looks at the links of a zone without changing what passes. */
export class Trace {
  #link: Link | undefined
  #roundTrips = 0
  #hasSpoken = false

  said(): Said {
    return { ...(this.#link?.counters() ?? nothing), roundTrips: this.#roundTrips }
  }

  /** From here on it is about this link. */
  readonly watch = (link: Link): Link => {
    this.#link = link
    this.#roundTrips = 0
    this.#hasSpoken = false
    return {
      role: link.role,
      get peer() {
        return link.peer
      },
      get streams() {
        return link.streams
      },
      start: (listener) => {
        link.start((event) => {
          this.#heard(event)
          listener(event)
        })
      },
      send: (message: Sendable) => {
        this.#hasSpoken = true
        link.send(message)
      },
      writable: () => link.writable(),
      drained: () => link.drained(),
      pause: () => link.pause(),
      resume: () => link.resume(),
      close: (end) => link.close(end),
      counters: () => link.counters(),
    }
  }

  #heard(event: LinkEvent): void {
    if (!this.#hasSpoken || (event.type !== 'message' && event.type !== 'plain')) return
    this.#roundTrips++
    this.#hasSpoken = false
  }
}
