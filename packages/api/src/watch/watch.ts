import type { TypeDescriptor } from '@holdfast/model'
import { authoredOf, type Changes, type ControlPlaneStore, logRevision, type Row } from '@holdfast/store'
import { ApiError, badRequest, titles } from '../http/errors.js'
import type { ListRequest } from '../http/list-query.js'
import type { Answer, ApiRequest } from '../http/route.js'
import type { ApiContext } from '../options.js'
import type { Resources } from '../resources/service.js'
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

/** `?watch=true`; `?watch=false` is a list. Throws 400 for anything else. */
export function isWatch({ query }: ApiRequest): boolean {
  const word = query.get('watch')
  if (word === null || word === 'false') return false
  if (word === 'true' || word === '') return true
  throw badRequest(`watch must be true or false, not ${JSON.stringify(word)}`)
}

/**
 * Server-sent events of a list: `changed` with a resource as a GET shows it, `deleted` with its type, mesh and name,
 * `synced` once everything that is there has been told. Their ids say where the watcher stands: with the last one in
 * `Last-Event-ID` (or `?after=`) it goes on there. A status that changes alone is a change too. Several changes of one resource may come as the last of them, and a
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
  const query = queryOf(watched, from)
  // Looked at before anything is sent, so that a position that is gone is an answer and not a broken stream.
  const first = await context.store.read.changes(query)
  if (first === undefined) throw gone()
  watching.set(context, count + 1)
  const events = eventsOf(context, resources, watched, { first, from, signal: request.signal })
  return { status: 200, body: undefined, events: counted(events, context) }
}

const queryOf = ({ type }: Watched, after: WatchPosition | undefined) => ({
  types: [type.name],
  ownTypes: [],
  statuses: true,
  after,
  limit: pageSize,
})

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
  if (position === undefined) throw badRequest(`${JSON.stringify(id)} is no id of an event that a watch has sent`)
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
  { store }: ApiContext,
  resources: Resources,
  watched: Watched,
  {
    first,
    from,
    signal,
  }: { readonly first: Changes; readonly from: WatchPosition | undefined; readonly signal: AbortSignal },
): AsyncIterable<string> {
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
    for (const text of await textsOf(resources, watched, rows, epoch, isSynced)) yield text
    const position = { epoch, position: through }
    if (rows.length > 0) saidMs = performance.now()
    if (complete && !isSynced) {
      isSynced = true
      saidMs = performance.now()
      yield event('synced', position, {})
    }
    if (complete) await moreOf(store, signal)
    if (signal.aborted) return
    if (performance.now() - saidMs > beatMs) {
      saidMs = performance.now()
      yield ': beat\n\n'
    }
    changes = await store.read.changes(queryOf(watched, position))
  }
}

/** Events of a page. What is gone is not told to somebody who has not been told anything yet. */
async function textsOf(
  resources: Resources,
  watched: Watched,
  rows: readonly Row[],
  epoch: string,
  isSynced: boolean,
): Promise<readonly string[]> {
  const here = rows.filter(({ mesh }) => watched.mesh === undefined || mesh === watched.mesh)
  const told = here.map((row) => ({ row, isThere: !row.deleted && matches(resources, watched, row) }))
  const living = told.flatMap(({ row, isThere }) => (isThere ? [row] : []))
  const shown = await resources.render(living)
  const items = new Map(living.map((row, index) => [row, shown[index]]))
  return told.flatMap(({ row, isThere }) => {
    const position = {
      epoch,
      position: {
        revision: logRevision(row, true),
        typeOrder: watched.type.order,
        mesh: row.mesh,
        name: row.exportName,
      },
    }
    if (isThere) return [event('changed', position, items.get(row))]
    const { type, mesh, name } = row
    return isSynced ? [event('deleted', position, { type, ...(mesh === '' ? {} : { mesh }), name })] : []
  })
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
