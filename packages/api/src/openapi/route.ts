import { ok, type Route } from '../http/route.js'
import { openApiDocument } from './document.js'

/** `/openapi.json`: the routes of this control plane, itself included; made once. */
export function openApiRoute(others: readonly Route[], version: string): Route {
  let document: unknown
  const route: Route = {
    method: 'GET',
    path: '/openapi.json',
    title: 'Could not describe the API',
    async handle() {
      document ??= openApiDocument([...others, route], version)
      return ok(document)
    },
  }
  return route
}
