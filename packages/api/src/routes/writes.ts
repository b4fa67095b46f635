import {
  type JsonObject,
  type ParsedBody,
  parseBody,
  readMesh,
  secretsOfBackend,
  type TypeDescriptor,
} from '@holdfast/model'
import { authoredOf, type LocalChange, type LocalOutcome, type Row } from '@holdfast/store'
import { type ApiError, badRequest, notFound, notValid, titles, underTitle } from '../http/errors.js'
import { etagOf, isDryRun, type Precondition, preconditionFailed, preconditionOf } from '../http/preconditions.js'
import { type Answer, ok } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { authoredDifferences, authoredVersion, valueText } from '../resources/authored.js'
import { initialPolicies } from '../resources/initial-policies.js'
import { newAuthorities } from '../resources/mesh-authorities.js'
import { living } from '../resources/meshes.js'
import { checkAccess, deleteProblems, writerOf } from '../resources/permissions.js'
import { checkImmutable, type PlannedPut, plannedPut } from '../resources/put.js'
import { timeText, viewerOf } from '../resources/render.js'
import { isZoneConnected } from '../sync/sync-json.js'
import type { Item } from './resources.js'

/** Somebody else writes the same resource all the time: no luck is worse than bad luck. */
const attemptsMax = 5

/**
 * Create or update. With `If-Match` only over what was read, with `If-None-Match: *` only where there is nothing; with
 * `?dryRun=true` everything but the write.
 */
export async function putItem(item: Item): Promise<Answer> {
  const { context, type, mesh, name, request } = item
  const precondition = preconditionOf(request)
  const dryRun = isDryRun(request)
  const read = parseBody(type, request.body ?? '', {
    writer: writerOf(context.mode, context.zoneName),
    urlName: name,
    ...(type.scope === 'mesh' ? { urlMesh: mesh } : {}),
  })
  if (read.outcome === 'unreadable') throw badRequest(read.reason)
  if (read.outcome === 'invalid') throw notValid(titles.process, read.violations)
  checkAccess(type, request.actor)
  const authorities = dryRun ? [] : await newAuthorities(context, type, read.body)
  for (let attempt = 1; ; attempt++) {
    const existing = attempt === 1 ? item.row : living(await context.store.read.get({ type: type.name, mesh, name }))
    const planned = plannedPut(type, read.body, context)
    if (existing !== undefined)
      checkImmutable(existing, item.resources.shownLabels(existing), read.body.labels, planned)
    checkPrecondition(item, precondition, existing, planned)
    const title = existing === undefined ? titles.create : titles.update
    const change = isCareful(precondition) ? { ...planned.change, ifRevision: existing?.revision ?? 0 } : planned.change
    const changes = [
      change,
      ...(existing === undefined ? initialPolicies(context, type, read.body) : []),
      ...authorities,
    ]
    const [outcome] = await applied(item, changes, dryRun, title)
    if (outcome?.outcome === 'stale' && attempt < attemptsMax) continue
    if (outcome?.outcome === 'stale')
      throw preconditionFailed(`${wordsOf(type, mesh, name)} is being changed by others all the time; read it again`)
    if (outcome?.outcome === 'refused') throw refusal(outcome.problem, title)
    const warnings = [...warningsOf(outcome, planned.change.wantsVip, read.body.warnings), ...untoldWarnings([outcome])]
    return dryRun
      ? ok(await dryRunJson(item, outcome, planned, warnings))
      : { status: outcome?.outcome === 'created' ? 201 : 200, body: warnings.length === 0 ? {} : { warnings } }
  }
}

const isCareful = ({ match, absent }: Precondition): boolean => match !== undefined || absent

const applied = (item: Item, changes: readonly LocalChange[], dryRun: boolean, title: string) =>
  item.context.store.local
    .apply(
      {
        changes,
        atomic: true,
        actor: item.request.actor.name,
        source: item.request.source,
        traces: item.request.traces,
        dryRun,
        heedsReadOnly: true,
      },
      { signal: item.request.signal },
    )
    .catch((error: unknown) => {
      throw underTitle(error, title)
    })

const wordsOf = (type: TypeDescriptor, mesh: string, name: string): string =>
  `${type.name} ${JSON.stringify(name)}${mesh === '' ? '' : ` in mesh ${JSON.stringify(mesh)}`}`

/** Throws 412 that names every place that is not as the client has read it, as far as what it sends tells. */
function checkPrecondition(
  item: Item,
  { match, absent }: Precondition,
  row: Row | undefined,
  planned?: PlannedPut,
): void {
  const { type, mesh, name, context } = item
  const what = wordsOf(type, mesh, name)
  if (absent && row !== undefined)
    throw preconditionFailed(`${what} is there already; leave If-None-Match out to change it`)
  if (match === undefined) return
  if (row === undefined) throw preconditionFailed(`${what} is not there any more; leave If-Match out to create it`)
  const version = authoredVersion(row)
  if (match === 'any' || match.includes(version)) return
  const changed =
    planned === undefined
      ? []
      : authoredDifferences(
          row,
          { labels: planned.shown, spec: planned.change.content.spec },
          viewerOf(context.mode, context.zoneName),
        )
  throw preconditionFailed(
    `${what} was changed at ${timeText(row.modifiedAtMs)} and has the ETag ${etagOf(version)} now; read it again and decide anew`,
    changed.map(({ path, from, to }) => ({
      path,
      message: `is ${valueText(from)} now, and would become ${valueText(to)}`,
    })),
  )
}

export function warningsOf(
  outcome: LocalOutcome | undefined,
  wantsVip: boolean,
  warnings: ParsedBody['warnings'],
): readonly string[] {
  const pending = wantsVip && outcome !== undefined && 'pendingReason' in outcome ? outcome.pendingReason : undefined
  const hook = outcome !== undefined && 'waitsForHook' in outcome ? outcome.waitsForHook : undefined
  return [
    ...warnings,
    ...(pending === undefined ? [] : [`it has no virtual IP yet: ${pending}`]),
    ...(hook === undefined ? [] : [`zones see it once the policy hook "${hook}" has let it through`]),
  ]
}

/** Of writes to a store of which nobody is told, once for all of them. */
export const untoldWarnings = (outcomes: readonly (LocalOutcome | undefined)[]): readonly string[] =>
  outcomes.some((outcome) => outcome !== undefined && 'waitsForInit' in outcome && outcome.waitsForInit === true)
    ? ["this control plane was never initialised: nobody is told of what is written here before 'holdfast init'"]
    : []

/** What the write would do, and what would be shown afterwards. */
async function dryRunJson(
  { context, resources }: Pick<Item, 'context' | 'resources'>,
  outcome: LocalOutcome | undefined,
  planned: PlannedPut,
  warnings: readonly string[],
) {
  const row = plannedRow(outcome)
  const [item] = await resources.render(row === undefined ? [] : [row])
  return {
    dryRun: true,
    outcome: outcome?.outcome ?? 'unchanged',
    ...plannedJson(context, outcome, planned, item),
    ...(warnings.length === 0 ? {} : { warnings }),
  }
}

export const plannedRow = (outcome: LocalOutcome | undefined): Row | undefined =>
  outcome !== undefined && 'row' in outcome ? outcome.row : undefined

/** Each place that would change, and the resource as it would be shown. */
export function plannedJson(
  { mode, zoneName }: ApiContext,
  outcome: LocalOutcome | undefined,
  { shown }: PlannedPut,
  item: JsonObject | undefined,
): JsonObject {
  const row = plannedRow(outcome)
  const before = outcome !== undefined && 'before' in outcome ? outcome.before : undefined
  const changes =
    before === undefined || row === undefined || outcome?.outcome !== 'updated'
      ? []
      : authoredDifferences(before, { labels: shown, spec: authoredOf(row).spec }, viewerOf(mode, zoneName))
  const told = changes.map(({ path, from, to }) => ({
    path,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }))
  return { ...(told.length === 0 ? {} : { changes: told }), ...(item === undefined ? {} : { item }) }
}

const refusal = (problem: Extract<LocalOutcome, { outcome: 'refused' }>['problem'], title: string): ApiError =>
  underTitle(problem, problem.kind === 'missing' ? titles.mesh : title)

export async function deleteItem(item: Item): Promise<Answer> {
  const { context, type, mesh, name, request } = item
  const precondition = preconditionOf(request)
  const dryRun = isDryRun(request)
  for (let attempt = 1; ; attempt++) {
    const row = attempt === 1 ? item.row : living(await context.store.read.get({ type: type.name, mesh, name }))
    if (row === undefined) throw notFound(titles.delete)
    const violations = [
      ...deleteProblems(type, context.mode, context.zoneName, row),
      ...(request.query.get('force') === 'true' ? [] : await stillInUse(context, type, row)),
    ]
    if (violations.length > 0) throw notValid(titles.delete, violations)
    checkAccess(type, request.actor)
    checkPrecondition(item, precondition, row)
    const key = { type: row.type, mesh: row.mesh, name: row.name }
    const change: LocalChange = isCareful(precondition)
      ? { change: 'delete', key, ifRevision: row.revision }
      : { change: 'delete', key }
    const [outcome] = await applied(item, [change], dryRun, titles.delete)
    if (outcome?.outcome === 'stale' && attempt < attemptsMax) continue
    if (outcome?.outcome === 'stale')
      throw preconditionFailed(`${wordsOf(type, mesh, name)} is being changed by others all the time; read it again`)
    if (outcome?.outcome === 'refused') throw underTitle(outcome.problem, titles.delete)
    return ok(dryRun ? { dryRun: true, outcome: 'deleted' } : {})
  }
}

/** Kuma's words. `?force=true` deletes it all the same; its sessions end then. */
const stillConnected = 'unable to delete Zone, Zone CP is still connected, please shut it down first'

/** Kuma's words. */
const secretInUse = (mesh: string, name: string, backend: string): string =>
  `The secret "${name}" that you are trying to remove is currently in use in Mesh "${mesh}" in mTLS backend "${backend}". Please remove the reference from the "${backend}" backend before removing the secret.`

/** Deleting these would take something from under those who use it. */
async function stillInUse(
  { store, sync, nowMs, mode, zoneName }: ApiContext,
  type: TypeDescriptor,
  { mesh, name }: Pick<Row, 'mesh' | 'name'>,
) {
  if (type.name === 'Secret') {
    const row = living(await store.read.get({ type: 'Mesh', mesh: '', name: mesh }))
    const backends = row === undefined ? [] : (readMesh(row.spec)?.mtls?.backends ?? [])
    return backends
      .filter((backend) => secretsOfBackend(mesh, backend).includes(name))
      .map((backend) => ({ path: 'name', message: secretInUse(mesh, name, backend.name) }))
  }
  if (type.name === 'Mesh') {
    const { total } = await store.read.list({ type: 'Dataplane', mesh: name, offset: 0, limit: 1 })
    if (total > 0) return [{ path: 'mesh', message: 'unable to delete mesh, there are still some dataplanes attached' }]
  }
  if (type.name === 'Zone') {
    const connected =
      mode === 'global'
        ? isZoneConnected(name, sync, await store.sessions.list(), nowMs())
        : name === zoneName && sync.peers().some((peer) => peer.connected)
    if (connected) return [{ path: 'zone', message: stillConnected }]
  }
  return []
}
