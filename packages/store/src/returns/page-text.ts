import { Problem } from '@holdfast/model'
import type { ReturnedRow, ReturnPage } from '../plan/returned.js'

/** A page as it travels: JSON, bytes in base64. */
export const pageText = (page: ReturnPage): string =>
  JSON.stringify({
    ...page,
    rows: page.rows.map(({ spec, status, ...row }) => ({
      ...row,
      spec: base64(spec),
      ...(status === undefined ? {} : { status: base64(status) }),
    })),
  })

type WireRow = Omit<ReturnedRow, 'spec' | 'status'> & { readonly spec: string; readonly status?: string }

/** @throws Problem `invalid` for what is no page: the peer broke its promise */
export function pageOfText(text: string): ReturnPage {
  try {
    // Global's own words over an authenticated session; the plan checks what they say.
    const { rows, ...page } = JSON.parse(text) as Omit<ReturnPage, 'rows'> & { readonly rows: readonly WireRow[] }
    if (![page.blocks, page.ledger, page.refused].every(Array.isArray)) throw new Error('a list is missing')
    if (typeof page.standing?.nowMs !== 'number') throw new Error('global does not say where it stands')
    return {
      ...page,
      rows: rows.map(({ spec, status, ...row }) => ({
        ...row,
        spec: bytesOf(spec),
        ...(status === undefined ? {} : { status: bytesOf(status) }),
      })),
    }
  } catch (error) {
    throw new Problem('invalid', `global sent no page of a return: ${(error as Error).message}`, { cause: error })
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
