import type { TypeDescriptor } from '@holdfast/model'
import { type Api, ApiFailure, type JsonObject, textOf } from '../api.js'
import { listPath } from '../commands/types.js'
import { keyOf, type Wanted } from './change.js'

/** From how many of one type and mesh on the whole list costs less than one request for each. */
const listFrom = 8
const requestsAtOnce = 8

/** What the control plane has now of each wanted resource, by `keyOf`. A mesh that is not there has nothing. */
export async function currentOf(api: Api, wanted: readonly Wanted[]): Promise<ReadonlyMap<string, JsonObject>> {
  const groups = new Map<string, { type: TypeDescriptor & { path: string }; mesh: string; names: string[] }>()
  for (const { type, object } of wanted) {
    if (type.path === undefined) continue
    const mesh = type.scope === 'mesh' ? textOf(object.mesh) : ''
    const key = JSON.stringify([type.name, mesh])
    const group = groups.get(key) ?? { type: { ...type, path: type.path }, mesh, names: [] }
    group.names.push(textOf(object.name))
    groups.set(key, group)
  }
  const found = new Map<string, JsonObject>()
  const jobs = [...groups.values()].flatMap(({ type, mesh, names }) => {
    const path = listPath(type, type.scope === 'mesh' ? mesh : undefined)
    const keep = (item: JsonObject | undefined): void => {
      if (item !== undefined) found.set(keyOf(type, mesh, textOf(item.name)), item)
    }
    return names.length >= listFrom
      ? [async () => (await orNothing(api.list(path)))?.items.forEach(keep)]
      : names.map((name) => async () => keep(await orNothing(api.get(`${path}/${encodeURIComponent(name)}`))))
  })
  await allOf(jobs, requestsAtOnce)
  return found
}

/** Any 404 of a resource means that there is none: its mesh may be among what is applied. */
async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiFailure && error.httpStatus === 404 && error.body !== undefined) return undefined
    throw error
  }
}

/** Runs jobs, so many at once; the first that fails ends it. */
async function allOf(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const rest = jobs.values()
  const work = async (): Promise<void> => {
    for (const job of rest) await job()
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, jobs.length) }, work))
}
