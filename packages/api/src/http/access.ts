import { type Level, mayAct, mayTouch, type StaticAction, type Subject, subjectText } from '@holdfast/identity'
import type { ApiContext } from '../options.js'
import { ApiError, titles } from './errors.js'
import type { Route } from './route.js'

/** Throws 403, in the words that Kuma has for it. */
export const denied = (detail: string): ApiError => new ApiError('forbidden', titles.denied, detail)

const quoted = (subject: Subject): string => `user ${JSON.stringify(subjectText(subject))}`

export const cannotAccessType = (subject: Subject, type: string): ApiError =>
  denied(`${quoted(subject)} cannot access the resource of type ${JSON.stringify(type)}`)

/**
 * Whether somebody may call a route at all. Every route is looked at here, so that none is open because nobody thought of
 * it: what says nothing else needs the right to read everything, or to operate.
 */
export function checkRoute(
  { access }: Pick<ApiContext, 'access'>,
  route: Pick<Route, 'method' | 'path' | 'type' | 'access' | 'refused'>,
  params: Readonly<Record<string, string>>,
  subject: Subject,
): void {
  // A handler that nobody gets to decides nothing.
  if (route.access === 'handler' && route.refused === undefined) return
  const isRead = route.method === 'GET'
  if (route.access !== undefined) {
    const least = route.access === 'any' ? 'read' : 'write'
    if (!mayTouch(access, subject, least, undefined)) throw denied(`${quoted(subject)} cannot access ${route.path}`)
    return
  }
  const { type } = route
  // Who may see what is in a mesh may see the mesh.
  const ofMesh = params.mesh ?? (type?.name === 'Mesh' && isRead ? params.name : undefined)
  const level: Level = isRead ? 'read' : type === undefined ? 'operate' : 'write'
  if (mayTouch(access, subject, level, ofMesh ?? '*')) return
  throw type === undefined
    ? denied(`${quoted(subject)} cannot access ${route.method} ${route.path}`)
    : cannotAccessType(subject, type.name)
}

/** Throws 403 unless the subject may write resources of a type in a mesh ('' for those of no mesh). */
export function checkWrite({ access }: Pick<ApiContext, 'access'>, subject: Subject, type: string, mesh: string): void {
  if (!mayTouch(access, subject, 'write', mesh === '' ? '*' : mesh)) throw cannotAccessType(subject, type)
}

export function checkAction(
  { access }: Pick<ApiContext, 'access'>,
  action: StaticAction,
  subject: Subject,
  words: string | undefined,
): void {
  if (mayAct(access, action, subject)) return
  throw denied(words === undefined ? 'action not allowed' : `${quoted(subject)} ${words}`)
}
