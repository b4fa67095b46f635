import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { specTypeUrl, typeOf } from '@holdfast/model'
import { startFakeKumaZone } from '@holdfast/testkit'
import { growth, leftOver, type Usage, usage, usageAtRest } from '../soak/usage.js'
import { startGlobal } from '../stand/plane.js'
import type { FreshDatabase } from '../stand/server.js'
import { until } from '../stand/until.js'
import type { Attack } from './attacker.js'

export interface FuzzResult {
  /** Malformed frames and messages, warm-up apart. */
  readonly sent: number
  readonly seconds: number
  readonly before: Usage
  readonly after: Usage
  readonly growth: number
  readonly residentBytes: number
  readonly leftOver: readonly string[]
  readonly rejections: number
  /** A Kuma zone that was there all the time got what changed afterwards. */
  readonly bystanderServed: boolean
}

const attackerProgram = fileURLToPath(new URL('../../dist/fuzz/attacker.js', import.meta.url))

/** A global under malformed frames and messages: what it has left, and whether those who behave are served. */
export async function fuzz(
  fresh: FreshDatabase,
  sizes: { readonly items: number; readonly warmUp: number; readonly seed: number; readonly connections: number },
): Promise<FuzzResult> {
  const global = await startGlobal({ fresh, countRows: false })
  let rejections = 0
  const count = (): void => {
    rejections += 1
  }
  process.on('unhandledRejection', count)
  const attacker = fork(attackerProgram, [], { execArgv: [] })
  const bystander = startFakeKumaZone({ target: `127.0.0.1:${global.port}`, zone: 'bystander' })
  try {
    const { port } = global
    const { seed, connections } = sizes
    await until('the bystander to be served', () => (bystander.held().get('Mesh')?.size ?? 0) > 0)
    await order(attacker, { port, connections, seed, items: sizes.warmUp })
    const settled = async (look: () => Promise<Usage>): Promise<Usage> => {
      await until('the attackers to be gone', () => global.runtime.views().every(({ peer }) => peer === 'bystander'))
      // The pool opens connections as it needs them; here it has all that it may have, before and after.
      await Promise.all(Array.from({ length: 64 }, () => global.store.read.counts()))
      return look()
    }
    const before = await settled(() => usage(undefined))
    const startedMs = performance.now()
    const sent = await order(attacker, { port, connections, seed: seed + 1, items: sizes.items })
    const seconds = (performance.now() - startedMs) / 1_000
    const after = await settled(() => usageAtRest(before, undefined))
    const residentBytes = process.memoryUsage().rss
    await global.store.local.apply(
      { changes: [meshPut('after-the-attack')], atomic: true, actor: 'fuzz' },
      { signal: AbortSignal.timeout(30_000) },
    )
    const held = (): boolean => bystander.held().get('Mesh')?.has('after-the-attack.') === true
    await until('what changed to reach the bystander', () => held() || bystander.ended() !== undefined)
    return {
      ...{ sent, seconds, before, after, residentBytes, rejections },
      growth: growth(before, after),
      leftOver: leftOver(before, after),
      bystanderServed: held(),
    }
  } finally {
    bystander.stop()
    attacker.kill('SIGKILL')
    process.off('unhandledRejection', count)
    await global.close()
  }
}

function order(attacker: ChildProcess, attack: Attack): Promise<number> {
  return new Promise((resolve, reject) => {
    attacker.once('message', (sent) => resolve(Number(sent)))
    attacker.once('exit', (status) => reject(new Error(`the attacker ended with status ${status}`)))
    attacker.send(attack)
  })
}

const meshPut = (name: string) =>
  ({
    change: 'put',
    key: { type: 'Mesh', mesh: '', name },
    content: { labels: {}, typeUrl: specTypeUrl(typeOf('Mesh')), spec: new Uint8Array() },
    namespace: '',
    displayName: name,
    wantsVip: false,
  }) as const
