import type { TypeDescriptor } from '@holdfast/model'
import { type Api, type JsonObject, textOf } from '../api.js'
import { exitStatus, type Io, usageError } from '../io.js'
import type { Column } from '../output/columns.js'
import { chosenColumns, type ItemsFormat, nameText } from '../output/items.js'
import { displayNameOf } from '../output/services.js'
import { type ServerEvent, eventsOf as streamOf } from '../watch-stream.js'

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
  const given = Object.entries(query)
  const asked = given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
  const events = await streamOf(io, api, asked)
  return events === undefined ? polled(io, api, options, print) : streamed(events, options, print)
}

type Print = (events: readonly Event[]) => void

/** As they come; what is there already comes as one. */
async function streamed(events: AsyncIterable<ServerEvent>, options: WatchOptions, print: Print): Promise<number> {
  const isWanted = wanted(options)
  let known = new Map<string, JsonObject>()
  let before: ReadonlyMap<string, JsonObject> = new Map()
  let isSynced = false
  for await (const { event, data } of events) {
    const key = keyOf(data)
    if (event === 'gone') {
      // Everything comes anew, and what is not among it has gone meanwhile.
      if (isSynced) before = known
      known = new Map()
      isSynced = false
    } else if (event === 'synced') {
      isSynced = true
      print(eventsOf(before, known))
      before = new Map()
    } else if (event === 'changed' && isWanted(data)) {
      const old = known.get(key)
      known.set(key, data)
      if (isSynced) print([{ event: old === undefined ? 'added' : 'modified', item: data }])
    } else {
      // Deleted, or not among what is watched any more.
      const old = known.get(key)
      known.delete(key)
      if (isSynced && old !== undefined) print([{ event: 'deleted', item: old }])
    }
  }
  if (!isSynced) print(eventsOf(before, known))
  return exitStatus.fine
}

/** A control plane that sends no events is asked again and again. */
async function polled(io: Io, api: Api, options: WatchOptions, print: Print): Promise<number> {
  const { path, query } = options
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
