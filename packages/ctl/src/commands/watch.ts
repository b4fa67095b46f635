import type { TypeDescriptor } from '@holdfast/model'
import { type Api, type JsonObject, textOf } from '../api.js'
import { exitStatus, type Io, usageError } from '../io.js'
import type { Column } from '../output/columns.js'
import { chosenColumns, type ItemsFormat, nameText } from '../output/items.js'
import { displayNameOf } from '../output/services.js'

export interface WatchOptions {
  readonly type: TypeDescriptor
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly name: string | undefined
  readonly how: ItemsFormat
  readonly matches: (item: JsonObject) => boolean
}

const pollMs = 2_000

/** `get … -w`: everything that is there, then a line for what is added, modified or deleted, until interrupted. */
export async function watch(io: Io, api: Api, options: WatchOptions): Promise<number> {
  const { type, path, query, how } = options
  if (how.sortBy !== undefined)
    throw usageError('--sort-by is for lists: what is watched comes in the order in which it happens')
  const print = await printerOf(io, type, how)
  let before: ReadonlyMap<string, JsonObject> | undefined
  for (;;) {
    const { items } = await api.list(path, query)
    const now = new Map(items.filter(wanted(options)).map((item) => [keyOf(item), item]))
    print(eventsOf(before ?? new Map(), now))
    before = now
    // What is printed until then is the answer: an end by hand is no error.
    try {
      await io.wait(pollMs)
    } catch {
      return exitStatus.fine
    }
  }
}

const wanted =
  ({ name, matches }: WatchOptions) =>
  (item: JsonObject): boolean =>
    matches(item) && (name === undefined || displayNameOf(item) === name || item.name === name)

interface Event {
  readonly event: 'added' | 'modified' | 'deleted'
  readonly item: JsonObject
}

const keyOf = (item: JsonObject): string => `${textOf(item.mesh)}\u0000${textOf(item.name)}`

/** What has become of a list since it was last seen. */
export function eventsOf(
  before: ReadonlyMap<string, JsonObject>,
  now: ReadonlyMap<string, JsonObject>,
): readonly Event[] {
  const events: Event[] = []
  for (const [key, item] of now) {
    const old = before.get(key)
    if (old === undefined) events.push({ event: 'added', item })
    else if (JSON.stringify(old) !== JSON.stringify(item)) events.push({ event: 'modified', item })
  }
  for (const [key, item] of before) if (!now.has(key)) events.push({ event: 'deleted', item })
  return events
}

async function printerOf(io: Io, type: TypeDescriptor, how: ItemsFormat): Promise<(events: readonly Event[]) => void> {
  const { format } = how
  if (format === 'name') return (events) => events.forEach(({ item }) => void io.out.write(`${nameText(type, item)}\n`))
  if (format === 'json' || format === 'yaml' || format.startsWith('jsonpath=')) {
    const { yamlText } = await import('../output/format.js')
    const { expressionOf, templateText } = await import('../output/jsonpath.js')
    const text = (event: Event): string =>
      format === 'json'
        ? `${JSON.stringify(event)}\n`
        : format === 'yaml'
          ? `---\n${yamlText(event)}`
          : templateText(expressionOf(format) ?? '', event.item)
    return (events) => events.forEach((event) => void io.out.write(text(event)))
  }
  return tablePrinter(io, await chosenColumns(type, how))
}

const marks = { added: '+', modified: '~', deleted: '-' } as const

/** Rows come one after the other: columns keep the widths that they have reached. */
function tablePrinter(io: Io, columns: readonly Column[]): (events: readonly Event[]) => void {
  const headers = ['', ...columns.map(({ header }) => header)]
  let widths: number[] | undefined
  return (events) => {
    const rows = events.map(({ event, item }) => [marks[event], ...columns.map(({ value }) => value(item, io.nowMs()))])
    const isFirst = widths === undefined
    const grown = headers.map((header, at) =>
      Math.max(widths?.[at] ?? header.length, ...rows.map((row) => row[at]?.length ?? 0)),
    )
    widths = grown
    for (const row of isFirst ? [headers, ...rows] : rows)
      io.out.write(
        `${row
          .map((cell, at) => cell.padEnd(grown[at] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
      )
  }
}
