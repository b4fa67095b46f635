import {
  findType,
  type JsonObject,
  type ParsedBody,
  parseBody,
  type ResourceKey,
  type TypeDescriptor,
  type Violation,
} from '@holdfast/model'
import type { LocalChange, LocalOutcome } from '@holdfast/store'
import { checkWrite } from '../http/access.js'
import { ApiError, badRequest, notValid, titles, underTitle } from '../http/errors.js'
import { isDryRun } from '../http/preconditions.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { initialPolicies } from '../resources/initial-policies.js'
import { newAuthorities } from '../resources/mesh-authorities.js'
import { living } from '../resources/meshes.js'
import { checkAccess, readOnlyReason, writerOf, writtenElsewhere } from '../resources/permissions.js'
import { type PlannedPut, plannedPut } from '../resources/put.js'
import type { Resources } from '../resources/service.js'
import { plannedJson, plannedRow, untoldWarnings } from './writes.js'

interface Wanted {
  readonly index: number
  readonly type: TypeDescriptor
  readonly body: ParsedBody
  readonly planned: PlannedPut
}

/**
 * `POST /_apply`: a list of objects as the API shows them, put in dependency order in one transaction. All or nothing;
 * every problem of every object is told, as `items[3].spec.ports[0].port`.
 */
export function applyRoute(context: ApiContext, resources: Resources): Route {
  const { store, limits } = context
  return {
    method: 'POST',
    path: '/_apply',
    title: titles.process,
    bodyMaxBytes: limits.bulkBodyBytes,
    access: 'anyWrite',
    async handle(request) {
      const { body = '', actor, signal } = request
      const dryRun = isDryRun(request)
      const objects = objectsOf(body, limits.bulkObjectMax)
      const read = objects.map((object, index) => readObject(context, object, index))
      for (const { type } of read) if (type !== undefined) checkAccess(type, actor)
      const wanted = read.flatMap(({ wanted: each }) => (each === undefined ? [] : [each]))
      for (const { planned } of wanted) checkWrite(context, actor, planned.change.key.type, planned.change.key.mesh)
      const violations = [...read.flatMap((each) => each.violations), ...duplicates(wanted)]
      if (violations.length > 0) throw refusedBefore(violations, read)

      const ordered = [...wanted].sort((a, b) => a.type.order - b.type.order || a.index - b.index)
      const changes = [...ordered.map(({ planned }) => planned.change), ...(await withMeshes(context, ordered, dryRun))]
      const outcomes = await store.local
        .apply(
          {
            changes,
            atomic: true,
            actor: actor.name,
            source: request.source,
            traces: request.traces,
            dryRun,
            heedsReadOnly: true,
          },
          { signal },
        )
        .catch((error: unknown) => {
          throw underTitle(error, titles.process)
        })
      const results = ordered.map((each, i) => ({ each, outcome: outcomes[i] }))
      checkRefused(results)
      const told = [...results].sort((a, b) => a.each.index - b.each.index)
      const warnings = untoldWarnings(outcomes)
      const ofAll = warnings.length === 0 ? {} : { warnings }
      if (!dryRun) return ok({ results: told.map(({ each, outcome }) => resultJson(each, outcome)), ...ofAll })
      const rows = told.flatMap(({ outcome }) => plannedRow(outcome) ?? [])
      const shown = new Map((await resources.render(rows)).map((item, index) => [rows[index], item]))
      return ok({
        dryRun,
        ...ofAll,
        results: told.map(({ each, outcome }) => ({
          ...resultJson(each, outcome),
          ...plannedJson(context, outcome, each.planned, shown.get(plannedRow(outcome))),
        })),
      })
    },
  }
}

/** What comes with the meshes of the list, but for what the list has itself: policies of new ones, and authorities. */
async function withMeshes(
  context: ApiContext,
  wanted: readonly Wanted[],
  dryRun: boolean,
): Promise<readonly LocalChange[]> {
  const keys = new Set(wanted.map(({ planned }) => JSON.stringify(planned.change.key)))
  const given = (key: ResourceKey): boolean => keys.has(JSON.stringify(key))
  const changes: LocalChange[] = []
  for (const { type, body, planned } of wanted) {
    if (type.name !== 'Mesh') continue
    if (living(await context.store.read.get(planned.change.key)) === undefined)
      changes.push(...initialPolicies(context, type, body).filter(({ key }) => !given(key)))
    if (!dryRun) changes.push(...(await newAuthorities(context, type, body, given)))
  }
  return changes
}

/** A bare array, or an object with `items`, as lists of this API are. */
function objectsOf(body: string, max: number): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    throw badRequest(`the body is not JSON: ${(error as Error).message}`)
  }
  const items = Array.isArray(value) ? value : (value as Readonly<Record<string, unknown>> | null)?.items
  if (!Array.isArray(items))
    throw badRequest('the body must be a list of objects, or an object with such a list in "items"')
  if (items.length > max)
    throw new ApiError(
      'tooLarge',
      titles.tooLarge,
      `the list has ${items.length} objects, and at most ${max} are accepted at once; send them in parts`,
    )
  return items
}

interface ReadObject {
  readonly type?: TypeDescriptor
  readonly wanted?: Wanted
  readonly readOnly?: string
  readonly violations: readonly Violation[]
}

function readObject(context: ApiContext, object: unknown, index: number): ReadObject {
  const at = `items[${index}]`
  const name = (object as JsonObject | null)?.type
  const type = typeof name === 'string' ? findType(name) : undefined
  if (type === undefined) {
    const said =
      name === undefined
        ? 'is required'
        : `${JSON.stringify(name)} is not a resource type; see /_resources for those there are`
    return { violations: [{ path: `${at}.type`, message: said }] }
  }
  const readOnly = readOnlyReason(type, context.mode)
  if (readOnly !== undefined)
    return { type, readOnly, violations: [{ path: at, message: writtenElsewhere(type, context.mode) }] }
  const read = parseBody(type, object, { writer: writerOf(context.mode, context.zoneName) })
  switch (read.outcome) {
    case 'unreadable':
      return { type, violations: [{ path: at, message: read.reason }] }
    case 'invalid':
      return { type, violations: read.violations.map(({ path, message }) => ({ path: within(at, path), message })) }
    case 'parsed':
      return {
        type,
        wanted: { index, type, body: read.body, planned: plannedPut(type, read.body, context) },
        violations: [],
      }
  }
}

const within = (at: string, path: string): string =>
  path === '' ? at : path.startsWith('[') ? `${at}${path}` : `${at}.${path}`

function duplicates(wanted: readonly Wanted[]): readonly Violation[] {
  const first = new Map<string, number>()
  return wanted.flatMap(({ index, type, body }) => {
    const key = [type.name, body.mesh, body.name].join('\u0000')
    const before = first.get(key)
    if (before === undefined) {
      first.set(key, index)
      return []
    }
    return [{ path: `items[${index}].name`, message: `is the same ${type.name} as items[${before}]; say it once` }]
  })
}

/** 405 where nothing but the control plane's role is wrong, for another one would take the same list. */
const refusedBefore = (violations: readonly Violation[], read: readonly ReadObject[]): ApiError =>
  read.every((each) => each.violations.length === 0 || each.readOnly !== undefined) &&
  read.some((each) => each.readOnly !== undefined)
    ? new ApiError(
        'readOnly',
        titles.readOnly,
        read.find((each) => each.readOnly !== undefined)?.readOnly ?? '',
        violations,
      )
    : notValid(titles.process, violations)

/** What the store refused, each under the place of its object; one kind of refusal keeps its status. */
function checkRefused(results: readonly { readonly each: Wanted; readonly outcome: LocalOutcome | undefined }[]): void {
  const refused = results.flatMap(({ each, outcome }) =>
    outcome?.outcome === 'refused' ? [{ index: each.index, problem: outcome.problem }] : [],
  )
  const [first] = refused
  if (first === undefined) return
  const violations = refused
    .sort((a, b) => a.index - b.index)
    .flatMap(({ index, problem }) =>
      problem.violations.length === 0
        ? [{ path: `items[${index}]`, message: problem.message }]
        : problem.violations.map(({ path, message }) => ({ path: within(`items[${index}]`, path), message })),
    )
  const oneKind = refused.every(({ problem }) => problem.kind === first.problem.kind)
  if (!oneKind || first.problem.kind === 'invalid') throw notValid(titles.process, violations)
  const { kind, message } = first.problem
  throw new ApiError(kind, underTitle(first.problem, titles.process).title, message, violations, first.problem.cause)
}

const resultJson = ({ type, body, planned }: Wanted, outcome: LocalOutcome | undefined) => ({
  type: type.name,
  ...(body.mesh === '' ? {} : { mesh: body.mesh }),
  name: body.name,
  outcome: outcome?.outcome ?? 'unchanged',
  ...(outcome !== undefined && 'vips' in outcome && outcome.vips !== undefined ? { vips: outcome.vips.addresses } : {}),
  ...(planned.change.wantsVip &&
  outcome !== undefined &&
  'pendingReason' in outcome &&
  outcome.pendingReason !== undefined
    ? { pending: outcome.pendingReason }
    : {}),
  ...(outcome !== undefined && 'waitsForHook' in outcome && outcome.waitsForHook !== undefined
    ? { waitsForHook: outcome.waitsForHook }
    : {}),
  ...(body.warnings.length === 0 ? {} : { warnings: body.warnings }),
})
