import type { IncomingMessage } from 'node:http'

/** Most that is read and thrown away for the sake of a readable answer. */
const drainMaxBytes = 128 << 20

/**
 * Reads what a client still sends and forgets it. Closing a socket with unread data resets it, and the client would
 * lose the very answer that tells what was wrong. Beyond the bound the connection is given up.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  let seenBytes = 0
  for await (const chunk of request) {
    seenBytes += (chunk as Uint8Array).length
    if (seenBytes > drainMaxBytes) return
  }
}
