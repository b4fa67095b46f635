import { hex, typeOf } from '@holdfast/model'
import type { Row } from './types.js'

/** Who asked, and how much of it the audit log has room for. */
export interface Told {
  readonly actor: string
  readonly source?: string | undefined
  /** Of a bulk change the hashes alone. */
  readonly brief: boolean
}

const specBytesMax = 4_096
/** As JSON says it; a peer may send it, and our own `bytea` has it. */
const nul = '\\u0000'

/** What a line of the audit log says of a change: from where, and the resource before and after. Secrets only by their hash. */
export const auditDetail = (
  before: Row | undefined,
  after: Row | undefined,
  { source, brief }: Told,
): Readonly<Record<string, unknown>> => ({
  ...(source === undefined ? {} : { from: source }),
  ...(before === undefined ? {} : { before: shown(before, brief) }),
  ...(after === undefined ? {} : { after: shown(after, brief) }),
})

function shown(row: Row, brief: boolean): Readonly<Record<string, unknown>> {
  const entry = row.entry ?? ''
  if (brief || typeOf(row.type).admin || row.spec.length > specBytesMax) return { entry, bytes: row.spec.length }
  return { entry, labels: row.labels, ...specOf(row.spec) }
}

/** JSON where it is JSON that PostgreSQL can keep as such; the bytes otherwise, so that they can be put back. */
function specOf(spec: Uint8Array): Readonly<Record<string, unknown>> {
  const text = Buffer.from(spec).toString('utf8')
  if (text.startsWith('{') && !text.includes(nul)) {
    try {
      return { spec: JSON.parse(text) }
    } catch {
      // A damaged copy is shown as what it is.
    }
  }
  return { specHex: hex(spec) }
}
