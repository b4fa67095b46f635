import { type Api, ApiFailure, type JsonObject, objectsOf } from '../api.js'
import { CliError } from '../io.js'

/**
 * Whether `POST /_apply?dryRun=true` is one. Asked first, always, with nothing in it: a control plane that does not know
 * the parameter passes over it, and would apply.
 */
export async function hasDryRun(api: Api): Promise<boolean> {
  try {
    return (await api.post('/_apply?dryRun=true', { items: [] })).dryRun === true
  } catch (error) {
    if (error instanceof ApiFailure && error.noSuchPath) return false
    throw error
  }
}

/** Results of a dry run of the control plane itself, in the order of the objects; undefined where it has none. */
export async function dryRun(api: Api, items: readonly JsonObject[]): Promise<readonly JsonObject[] | undefined> {
  if (!(await hasDryRun(api))) return undefined
  const answer = await api.post('/_apply?dryRun=true', { items })
  if (answer.dryRun !== true)
    throw new CliError('the control plane says that it was no dry run; look at what it has now')
  return objectsOf(answer.results)
}
