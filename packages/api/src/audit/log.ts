import { type ChainState, emptyChain, followChain } from '@holdfast/identity'
import type { ControlPlaneStore } from '@holdfast/store'
import { badRequest } from '../http/errors.js'

const pageSize = 1_000

/** The log in its order after a row, with what proves it: all of it is an export. */
export async function auditPage({ read }: ControlPlaneStore, after: string, limit: number) {
  if (!/^\d{1,15}$/.test(after)) throw badRequest(`after must be the number of a line, got ${JSON.stringify(after)}`)
  const rows = (await read.auditAfter?.(Number(after), limit)) ?? []
  return {
    items: rows.map(({ atMs, chain, ...row }) => ({
      ...row,
      at: new Date(atMs).toISOString(),
      chain: chain === undefined ? null : Buffer.from(chain).toString('hex'),
    })),
    next: rows.length === limit ? (rows.at(-1)?.id ?? null) : null,
  }
}

/** Whether every line is what it was when it was written, as far as there are hashes. */
export async function verifyAudit({ read }: ControlPlaneStore) {
  let state: ChainState = emptyChain
  if (read.auditAfter === undefined) return { ok: false, problem: 'this store proves nothing about its audit log' }
  for (;;) {
    const lines = await read.auditAfter(state.lastId, pageSize)
    if (lines.length === 0) break
    const step = followChain(state, lines)
    if (!step.ok)
      return {
        ok: false,
        problem: `the lines up to number ${step.id} are not those that were written: one was changed, added or taken away`,
        line: step.id,
        proven: state.proven,
      }
    state = step.state
  }
  return {
    ok: state.open.length === 0,
    ...(state.open.length === 0 || state.proven === 0
      ? {}
      : { problem: 'the last lines have no hash: they were added by hand' }),
    proven: state.proven,
    // Of before there were hashes.
    unproven: state.unproven,
    lastLine: state.lastId,
    // Kept elsewhere, it shows later that nothing was cut off at the end.
    head: Buffer.from(state.hash).toString('hex'),
  }
}
