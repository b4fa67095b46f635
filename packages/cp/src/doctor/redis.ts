import { setTimeout as after } from 'node:timers/promises'
import { parseRedisUrl, RedisHints, type RedisHintsView } from '@holdfast/bus'
import { maskUrl } from '../config/resolve.js'
import { doubtful, type Finding, fine } from './finding.js'

const withinMs = 5_000
const lookEveryMs = 20
const silent = { info: () => {}, warn: () => {} }

/** A word of ours has to come back through it. */
export async function lookAtRedis(url: string | undefined): Promise<readonly Finding[]> {
  const target = parseRedisUrl(url ?? '')
  // What is no such URL was refused with the settings.
  if (url === undefined || !('shape' in target)) return []
  const hints = new RedisHints({ target, channel: 'holdfast:doctor', log: silent })
  try {
    const endMs = performance.now() + withinMs
    while (!hints.view().working && hints.view().failures === 0 && performance.now() < endMs) await after(lookEveryMs)
    return [judgeRedis(url, hints.view())]
  } finally {
    await hints.close()
  }
}

/** Redis is never needed: whatever is wrong with it costs a second at most. */
export function judgeRedis(
  url: string,
  { working, lastFailure }: Pick<RedisHintsView, 'working' | 'lastFailure'>,
): Finding {
  if (working) return fine('redis', `hints go through ${maskUrl(url)}`)
  return doubtful(
    'redis',
    `${maskUrl(url)}: ${lastFailure ?? `nothing came back within ${withinMs} ms`}`,
    'is it running, and are host, port, user and password in --redis-url right? Without it changes are up to a second later',
  )
}
