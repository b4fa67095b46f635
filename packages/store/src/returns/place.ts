import { Problem } from '@holdfast/model'

/** Where a page ended: the ledger comes first, then the resources, each in the order of its keys. */
export type Place =
  | { readonly part: 'ledger'; readonly after: readonly string[] }
  | { readonly part: 'rows'; readonly after: readonly string[] }

const partsOf = { ledger: 5, rows: 3 } as const

export const firstPlace: Place = { part: 'ledger', after: [] }

export const placeText = ({ part, after }: Place): string => JSON.stringify([part, ...after])

/** @throws Problem `invalid` */
export function placeOf(text: string): Place {
  if (text === '') return firstPlace
  try {
    const [part, ...after] = JSON.parse(text) as unknown[]
    if (
      (part === 'ledger' || part === 'rows') &&
      (after.length === 0 || after.length === partsOf[part]) &&
      after.every((each): each is string => typeof each === 'string')
    )
      return { part, after }
  } catch {
    // Told below, with the text.
  }
  throw new Problem('invalid', `${JSON.stringify(text)} is no place in what goes back to a zone`)
}

/** Rows of the ledger in one page: about 250 bytes each. */
export const ledgerMax = 2_000
/** Resources in one page, if they are small. */
export const rowsMax = 500
/** Bytes of specs and labels in one page: with base64 well below the largest message. */
export const rowsBytesMax = 384 * 1024

/** As many as fit, one at least. */
export function fitting<T>(items: readonly T[], bytesOf: (item: T) => number): readonly T[] {
  let bytes = 0
  const end = items.findIndex((item, i) => {
    bytes += bytesOf(item)
    return i > 0 && bytes > rowsBytesMax
  })
  return end < 0 ? items : items.slice(0, end)
}
