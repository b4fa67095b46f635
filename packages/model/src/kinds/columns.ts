/** A resource as the API shows it. */
export type Shown = Readonly<Record<string, unknown>>

/** One column of a kind's own in a table of resources; who it is, its labels and its age are everybody's. */
export interface KindColumn {
  readonly header: string
  readonly value: (item: Shown) => string
  /** Only in a wide table. */
  readonly isWide: boolean
}

export const column = (header: string, value: KindColumn['value']): KindColumn => ({ header, value, isWide: false })
export const wideColumn = (header: string, value: KindColumn['value']): KindColumn => ({ header, value, isWide: true })

// A table shows what is there, whoever has written it: what is not as it should be is shown as nothing.
export const isShownObject = (value: unknown): value is Shown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const shownObject = (value: unknown): Shown => (isShownObject(value) ? value : {})
export const shownObjects = (value: unknown): readonly Shown[] =>
  Array.isArray(value) ? value.filter(isShownObject) : []
export const shownText = (value: unknown): string => (typeof value === 'string' ? value : '')

export const shownSpec = (item: Shown): Shown => shownObject(item.spec)
export const shownStatus = (item: Shown): Shown => shownObject(item.status)
