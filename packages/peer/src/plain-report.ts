import type { GuardReport, SessionState } from '@holdfast/kds'
import { parseWireKey } from '@holdfast/model'
import { encodeReport, reportedRefusalsMax } from '@holdfast/store'

/** What a plain peer has refused, as our sender remembers it: such a peer says why, and cannot say since when. */
export function plainReport(state: SessionState): GuardReport | undefined {
  if (state.phase !== 'plain') return undefined
  const doubts = [...state.sender.doubts].flatMap(([type, keys]) =>
    [...keys].map(([key, doubt]) => ({ type, ...parseWireKey(key), doubt })),
  )
  return encodeReport({
    refused: doubts.slice(0, reportedRefusalsMax).map(({ type, mesh, name, doubt }) => ({
      ...{ type, mesh, name, origin: '', reason: doubt.reason },
      ...{ sinceMs: doubt.sinceMs, nextTryMs: doubt.retryAtMs, tries: doubt.tries, newcomer: false },
    })),
    refusedTotal: doubts.length,
    holds: [],
  })
}
