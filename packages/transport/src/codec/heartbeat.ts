import { create } from '@bufbuild/protobuf'
import type { GuardReport, Heartbeat } from '@holdfast/kds'
import { utf8 } from '@holdfast/model'
import { GuardReportSchema, HeartbeatSchema, type Heartbeat as WireHeartbeat } from '@holdfast/proto'
import { bytesOfHex, countOf, hexOf, malformed } from './fields.js'
import { cursorFromWire, cursorToWire, markFromWire, markToWire } from './standing.js'

const hashBytes = 8
/** More zones than one installation has. */
const unsettledMax = 4_096
/** Enough for some hundred refusals; what is said every few seconds must not be what a link is busy with. */
const bodyBytesMax = 256 * 1024

const hashToWire = (hash: string): Uint8Array =>
  hash === '' ? new Uint8Array() : bytesOfHex('heartbeat.report.hash', hash, hashBytes)

const hashFromWire = (path: string, bytes: Uint8Array): string =>
  bytes.length === 0 ? '' : hexOf(path, bytes, hashBytes)

export const heartbeatToWire = (heartbeat: Heartbeat): WireHeartbeat =>
  create(HeartbeatSchema, {
    sequence: BigInt(heartbeat.sequence),
    ...(heartbeat.mark === undefined ? {} : { mark: markToWire(heartbeat.mark) }),
    ...(heartbeat.statusMark === undefined ? {} : { statusMark: markToWire(heartbeat.statusMark) }),
    ackedRevision: BigInt(heartbeat.ackedRevision),
    faults: heartbeat.faults.map((what) => ({ what })),
    reportKept: hashToWire(heartbeat.reportKept ?? ''),
    ...(heartbeat.settled === undefined
      ? {}
      : { settled: cursorToWire(heartbeat.settled.cursor), unsettled: [...heartbeat.settled.except] }),
    ...(heartbeat.report === undefined
      ? {}
      : {
          report: create(GuardReportSchema, {
            hash: hashToWire(heartbeat.report.hash),
            body: utf8(heartbeat.report.body),
          }),
        }),
  })

export const heartbeatFromWire = (heartbeat: WireHeartbeat): Heartbeat => {
  const { unsettled } = heartbeat
  if (unsettled.length > unsettledMax)
    throw malformed('heartbeat.unsettled', `names ${unsettled.length} origins, more than ${unsettledMax}`)
  const reportKept = hashFromWire('heartbeat.report_kept', heartbeat.reportKept)
  return {
    sequence: countOf('heartbeat.sequence', heartbeat.sequence),
    ...(heartbeat.mark === undefined ? {} : { mark: markFromWire('heartbeat.mark', heartbeat.mark) }),
    ...(heartbeat.statusMark === undefined
      ? {}
      : { statusMark: markFromWire('heartbeat.status_mark', heartbeat.statusMark) }),
    ackedRevision: countOf('heartbeat.acked_revision', heartbeat.ackedRevision),
    faults: heartbeat.faults.map(({ what }) => what),
    ...(reportKept === '' ? {} : { reportKept }),
    ...(heartbeat.report === undefined ? {} : { report: reportFromWire(heartbeat.report) }),
    ...(heartbeat.settled === undefined
      ? {}
      : {
          settled: {
            cursor: cursorFromWire('heartbeat.settled', heartbeat.settled),
            except: unsettled,
          },
        }),
  }
}

function reportFromWire({ hash, body }: NonNullable<WireHeartbeat['report']>): GuardReport {
  const path = 'heartbeat.report.body'
  if (body.length > bodyBytesMax) throw malformed(path, `has ${body.length} bytes, more than ${bodyBytesMax}`)
  try {
    return {
      hash: hashFromWire('heartbeat.report.hash', hash),
      body: new TextDecoder('utf-8', { fatal: true }).decode(body),
    }
  } catch (error) {
    throw malformed(path, 'is not UTF-8', error)
  }
}
