import type { JsonObject, TypeDescriptor } from '@holdfast/model'
import { authoredOf, type Changes, type ControlPlaneStore, logRevision, type Row } from '@holdfast/store'
import { ApiError, badRequest, titles } from '../http/errors.js'
import type { ListRequest } from '../http/list-query.js'
import type { Answer, ApiRequest } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { living } from '../resources/meshes.js'
import type { Resources } from '../resources/service.js'
import { computedOf, keyOf } from './computed.js'
import { logQuery, pagesOfLog } from './pages.js'
import { PartsWatch } from './parts-watch.js'
import { type WatchPosition, watchId, watchPositionOf } from './position.js'

export interface Watched {
  readonly type: TypeDescriptor
  /** Undefined: in all meshes. */
  readonly mesh: string | undefined
  readonly list: ListRequest
  readonly where?: ((row: Row) => boolean) | undefined
}

const pageSize = 200
/** A hint may be lost; then the log is looked at after so long. */
const pollMs = 1_000
/** So that those in between do not take silence for the end. */
const beatMs = 15_000

const watching = new WeakMap<ApiContext, number>()

/**
 * Server-sent events of a list: `changed` with a resource as a GET shows it, `deleted` with its type, mesh and name,
 * `synced` once everything that is there has been told. Their ids say where the watcher stands: with the last one in
 * `Last-Event-ID` (or `?after=`) it goes on there. A status that changes alone is a change too, and so is what is computed of
 * other resources, a second or so later. Several changes of one resource may come as the last of them, and a
 * resource that the filters leave out comes as `deleted`, whether it was ever told or not.
 */
export async function watchAnswer(
  context: ApiContext,
  resources: Resources,
  watched: Watched,
  request: ApiRequest,
): Promise<Answer> {
  const from = startOf(request)
  const count = watching.get(context) ?? 0
  if (count >= context.limits.watcherMax)
    throw new ApiError('unavailable', titles.list, `${count} watch already, and no more may; try again later`)
  // Looked at before anything is sent, so that a position that is gone is an answer and not a broken stream.
  const first = await context.store.read.changes(logQuery(watched.type, from, pageSize))
  if (first === undefined) throw gone()
  watching.set(context, count + 1)
  const events = eventsOf(context, resources, watched, { first, from, signal: request.signal })
  return { status: 200, body: undefined, events: counted(events, context) }
}

const gone = (): ApiError =>
  new ApiError(
    'missing',
    titles.gone,
    'the log does not go back to where you stand, or is another one; begin anew without Last-Event-ID and forget what you have',
    [],
    undefined,
    410,
  )

function startOf({ headers, query }: ApiRequest): WatchPosition | undefined {
  const id = headers['last-event-id'] || query.get('after') || undefined
  if (id === undefined) return undefined
  const position = watchPositionOf(id)
  if (position === undefined)
    throw badRequest(
      `${JSON.stringify(id)} is no id of an event that a watch has sent; begin anew without Last-Event-ID`,
    )
  return position
}

async function* counted(events: AsyncIterable<string>, context: ApiContext): AsyncIterable<string> {
  try {
    yield* events
  } finally {
    watching.set(context, (watching.get(context) ?? 1) - 1)
  }
}

async function* eventsOf(
  context: ApiContext,
  resources: Resources,
  watched: Watched,
  {
    first,
    from,
    signal,
  }: { readonly first: Changes; readonly from: WatchPosition | undefined; readonly signal: AbortSignal },
): AsyncIterable<string> {
  const { store } = context
  const parts = new PartsWatch(computedOf(context, resources, watched.type), from)
  let changes: Changes | undefined = first
  let isSynced = from !== undefined
  let saidMs = performance.now()
  // Headers are sent with the first byte; nobody should have to wait for a change to see them.
  yield ': watching\n\n'
  while (!signal.aborted) {
    if (changes === undefined) {
      yield event('gone', undefined, { detail: gone().message })
      return
    }
    const { epoch, rows, through, complete } = changes
    const telling = { resources, watched, epoch, isSynced, parts }
    for (const text of await textsOf(rows, telling)) yield text
    const place = { epoch, position: through }
    if (rows.length > 0) saidMs = performance.now()
    if (complete) {
      // Before `synced`, whose id says how far the parts are known as well.
      for await (const text of partsOf(store, await parts.differing(), telling, place)) {
        saidMs = performance.now()
        yield text
        if (signal.aborted) return
      }
      if (!isSynced) {
        isSynced = true
        saidMs = performance.now()
        yield event('synced', parts.at(place), {})
      }
      await moreOf(store, signal)
    }
    if (signal.aborted) return
    if (performance.now() - saidMs > beatMs) {
      saidMs = performance.now()
      yield ': beat\n\n'
    }
    changes = await store.read.changes(logQuery(watched.type, place, pageSize))
  }
}

interface Telling {
  readonly resources: Resources
  readonly watched: Watched
  readonly epoch: string
  readonly isSynced: boolean
  readonly parts: PartsWatch
}

/** Events of a page. What is gone is not told to somebody who has not been told anything yet. */
async function textsOf(rows: readonly Row[], telling: Telling): Promise<readonly string[]> {
  const { resources, watched, epoch, isSynced, parts } = telling
  const here = rows.filter(({ mesh }) => watched.mesh === undefined || mesh === watched.mesh)
  const told = here.map((row) => ({ row, isThere: !row.deleted && matches(resources, watched, row) }))
  const living = told.flatMap(({ row, isThere }) => (isThere ? [row] : []))
  const shown = await resources.render(living)
  const items = new Map(living.map((row, index) => [row, shown[index] ?? {}]))
  return told.flatMap(({ row, isThere }) => {
    const place = parts.at({
      epoch,
      position: {
        revision: logRevision(row, true),
        typeOrder: watched.type.order,
        mesh: row.mesh,
        name: row.exportName,
      },
    })
    const item = items.get(row)
    if (isThere && item !== undefined) {
      parts.told(row, item)
      return [event('changed', place, item)]
    }
    const { type, mesh, name } = row
    return isSynced ? [event('deleted', place, { type, ...(mesh === '' ? {} : { mesh }), name })] : []
  })
}

/**
 * Events of resources of which only computed parts are others. The watcher stays where it is in the log, and knows the parts
 * once it has the last of them: before, a break tells all of them again.
 */
async function* partsOf(
  store: ControlPlaneStore,
  keys: ReadonlySet<string>,
  { resources, watched, parts }: Telling,
  place: WatchPosition,
): AsyncIterable<string> {
  const wanted = (row: Row): boolean =>
    keys.has(keyOf(row)) &&
    (watched.mesh === undefined || row.mesh === watched.mesh) &&
    matches(resources, watched, row)
  let last: JsonObject | undefined
  if (keys.size > 0)
    for await (const rows of rowsOf(store, watched.type, keys)) {
      const living = rows.filter(wanted)
      for (const [at, item] of (await resources.render(living)).entries()) {
        const row = living[at]
        if (row !== undefined) parts.told(row, item)
        if (last !== undefined) yield event('changed', parts.at(place), last)
        last = item
      }
    }
  parts.caughtUp()
  if (last !== undefined) yield event('changed', parts.at(place), last)
}

const fewKeys = 50

/** Rows of a type by key: one by one where they are few, else whatever the log has of it. */
async function* rowsOf(
  store: ControlPlaneStore,
  type: TypeDescriptor,
  keys: ReadonlySet<string>,
): AsyncIterable<readonly Row[]> {
  if (keys.size > fewKeys) return yield* pagesOfLog(store, type)
  for (const key of keys) {
    const [mesh = '', name = ''] = key.split('\u0000')
    const row = living(await store.read.get({ type: type.name, mesh, name }))
    if (row !== undefined) yield [row]
  }
}

function matches(resources: Resources, { list, where }: Watched, row: Row): boolean {
  const labels = resources.shownLabels(row)
  return (
    row.name.includes(list.nameContains ?? '') &&
    Object.entries(list.labels).every(([key, value]) => labels[key] === value) &&
    (where?.({ ...row, ...authoredOf(row) }) ?? true)
  )
}

const event = (name: string, position: WatchPosition | undefined, data: unknown): string =>
  `event: ${name}\n${position === undefined ? '' : `id: ${watchId(position)}\n`}data: ${JSON.stringify(data)}\n\n`

/** Until there may be more, or it is time to look whether there is. */
async function moreOf(store: ControlPlaneStore, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      stop()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, pollMs)
    const stop = store.onAdvanced(done)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
