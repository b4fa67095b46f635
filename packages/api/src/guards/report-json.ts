import { decodeReport, type PeerReportRow, type ReportedHold, type ReportedRefusal } from '@holdfast/store'
import { peerName } from '../sync/sync-json.js'

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

/** What a peer has said of what it refuses and holds of ours, and when. */
export const reportJson = ({ peer, body, atMs }: PeerReportRow) => {
  const { refused, refusedTotal, holds } = decodeReport(body)
  return {
    by: peerName(peer),
    at: time(atMs),
    refusedTotal,
    refused: refused.map(refusalJson),
    holds: holds.map(holdJson),
  }
}

const refusalJson = (row: ReportedRefusal) => ({
  type: row.type,
  mesh: row.mesh,
  name: row.name,
  zone: row.origin === '' ? null : row.origin,
  reason: row.reason,
  remembered: row.remembered ?? null,
  tries: row.tries,
  since: time(row.sinceMs),
  nextTry: time(row.nextTryMs),
  keeps: row.newcomer ? 'nothing' : 'its last good version',
})

const holdJson = (row: ReportedHold) => ({
  id: row.id,
  type: row.type,
  zone: row.origin === '' ? null : row.origin,
  resources: row.resources,
  reason: row.reason,
  since: time(row.sinceMs),
})
