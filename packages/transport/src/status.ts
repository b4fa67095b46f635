import { status } from '@grpc/grpc-js'

/** gRPC status by name: what a log line shows and a reader knows. */
export type StatusName = keyof typeof status

/** How a stream or link ended, and why. */
export interface LinkEnd {
  readonly code: StatusName
  readonly reason: string
}

const names = new Map<number, StatusName>()
for (const name of Object.keys(status)) if (isStatusName(name)) names.set(status[name], name)

function isStatusName(name: string): name is StatusName {
  return Number.isNaN(Number(name)) && name in status
}

export const statusNumber = (name: StatusName): number => status[name]

/** Numbers that gRPC does not define are UNKNOWN, as gRPC demands. */
export const statusName = (code: number): StatusName => names.get(code) ?? 'UNKNOWN'

/** A status travels in an HTTP/2 header, and peers refuse long ones. */
const detailsMax = 1000

/** Text that fits into a status: shortened, and without the half characters that URI encoding throws at. */
export const statusDetails = (reason: string): string =>
  Buffer.from(reason.slice(0, detailsMax), 'utf8').toString('utf8')

const noConnection = /^No connection established(?:\. Last error: (?:Error: )?(.*?))?\.? ?(?:Resolution note:.*)?$/s

/** Why a dialled call ended, without the words that grpc-js puts around the reason of a connection that did not come about. */
export function endedWords(details: string): string {
  const found = noConnection.exec(details)
  return found === null ? details : `cannot be reached: ${found[1] ?? 'no connection'}`
}
