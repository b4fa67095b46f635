import type { Credential } from '@holdfast/identity'
import type { SessionHandle } from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import pino from 'pino'
import { expect, test, vi } from 'vitest'
import { Withdrawals } from './withdrawals.js'

const log = pino({ level: 'silent' })
const credential = { how: 'certificate' } as unknown as Credential

test('a look at many sessions reads what is withdrawn once, however fast the store moves meanwhile', async () => {
  const ended: string[] = []
  const sessions = Array.from({ length: 500 }, (_, i) => {
    const peer = `zone-${i}`
    return { peer, close: async () => ended.push(peer) } as unknown as SessionHandle
  })
  let advance = (): void => undefined
  const store = {
    onAdvanced: (listener: () => void) => {
      advance = listener
      return () => undefined
    },
  } as unknown as ControlPlaneStore
  // As the keeper of identities does it: what it knows is good until the store moves, and here it moves with each reading.
  let readings = 0
  let known: Promise<ReadonlySet<string>> | undefined
  const withdrawn = async (zone: string): Promise<string | undefined> => {
    known ??= new Promise((resolve) => {
      readings++
      setImmediate(() => {
        known = undefined
        resolve(new Set(['zone-499']))
      })
    })
    return (await known).has(zone) ? 'it was revoked' : undefined
  }
  const withdrawals = new Withdrawals({ store, log, sessions: () => sessions, withdrawn })
  for (const session of sessions) withdrawals.watch(session, credential)
  advance()
  await vi.waitUntil(() => ended.length > 0, { timeout: 10_000 })
  await withdrawals.close()
  expect(ended).toEqual(['zone-499'])
  expect(readings).toBe(1)
})
