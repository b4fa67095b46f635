import type { TypeDescriptor } from '@holdfast/model'
import { type JsonObject, textOf } from '../api.js'
import { usageError } from '../io.js'
import { type Column, columnsOf } from './columns.js'
import { jsonText, yamlText } from './format.js'
import { tableText } from './table.js'

/** How resources are to be printed. */
export interface ItemsFormat {
  readonly format: string
  /** Headers of columns, paths, or HEADER=PATH, separated by commas. */
  readonly columns?: string | undefined
  /** A header, or a path; with `-` before it from the highest down. */
  readonly sortBy?: string | undefined
}

/** Columns that are asked for. Throws a usage error that lists those there are. */
export async function chosenColumns(
  type: TypeDescriptor,
  { format, columns }: ItemsFormat,
): Promise<readonly Column[]> {
  const known = columnsOf(type)
  if (columns === undefined) return known.filter(({ isWide }) => isWide !== true || format === 'wide')
  const { valuesAt } = await import('./jsonpath.js')
  return columns.split(',').map((said) => {
    const word = said.trim()
    const [, header, path] = /^([^=]+)=(.+)$/.exec(word) ?? []
    const found = known.find((column) => column.header === word.toUpperCase())
    if (found !== undefined && path === undefined) return found
    if (path === undefined && !/[.[$]/.test(word))
      throw usageError(
        `${type.name} has no column ${JSON.stringify(word)}; there are ${known.map((each) => each.header.toLowerCase()).join(', ')}, paths such as spec.ports[0].port, and HEADER=PATH`,
      )
    return {
      header: (header ?? word).toUpperCase(),
      value: (item) =>
        valuesAt(item, path ?? word)
          .map((value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)))
          .join(', '),
    }
  })
}

const collator = new Intl.Collator('en', { numeric: true })

/** In the order asked for; numbers in texts count as numbers, so that addresses sort as one expects. */
export async function sortedItems(
  type: TypeDescriptor,
  items: readonly JsonObject[],
  { sortBy }: ItemsFormat,
  nowMs: number,
): Promise<readonly JsonObject[]> {
  if (sortBy === undefined) return items
  const down = sortBy.startsWith('-')
  const [column] = await chosenColumns(type, { format: 'table', columns: down ? sortBy.slice(1) : sortBy })
  // An age is a text that does not sort: its time does.
  const key = (item: JsonObject): string =>
    column?.header === 'AGE'
      ? String(nowMs - Date.parse(textOf(item.modificationTime)))
      : (column?.value(item, nowMs) ?? '')
  return items
    .map((item) => ({ item, key: key(item) }))
    .sort((a, b) => collator.compare(a.key, b.key) * (down ? -1 : 1))
    .map(({ item }) => item)
}

/** What `-o name` prints: what other commands take. */
export const nameText = (type: TypeDescriptor, item: JsonObject): string =>
  `${type.singular[0] ?? type.name.toLowerCase()}/${textOf(item.name)}`

/** A list, in the format asked for. */
export async function itemsText(
  type: TypeDescriptor,
  items: readonly JsonObject[],
  options: ItemsFormat,
  nowMs: number,
): Promise<string> {
  const { format } = options
  const body = { total: items.length, items, next: null }
  if (format === 'json') return jsonText(body)
  if (format === 'yaml') return yamlText(body)
  if (format === 'name') return items.map((item) => `${nameText(type, item)}\n`).join('')
  if (format.startsWith('jsonpath=')) return pathText(format, body)
  const columns = await chosenColumns(type, options)
  return tableText(
    columns.map(({ header }) => header),
    items.map((item) => columns.map(({ value }) => value(item, nowMs))),
  )
}

/** One resource, in the format asked for. */
export async function itemText(
  type: TypeDescriptor,
  item: JsonObject,
  options: ItemsFormat,
  nowMs: number,
): Promise<string> {
  const { format } = options
  if (format === 'json') return jsonText(item)
  if (format === 'yaml') return yamlText(item)
  return format.startsWith('jsonpath=') ? pathText(format, item) : itemsText(type, [item], options, nowMs)
}

async function pathText(format: string, value: unknown): Promise<string> {
  const { expressionOf, templateText } = await import('./jsonpath.js')
  return templateText(expressionOf(format) ?? '', value)
}
