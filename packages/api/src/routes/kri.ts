import { allTypes, kriOf } from '@holdfast/model'
import { badRequest, notFound, titles } from '../http/errors.js'
import { ok, param, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { kubernetesObject, wantsKubernetes } from '../resources/kubernetes.js'
import { checkAccess } from '../resources/permissions.js'
import type { Resources } from '../resources/service.js'

/** `/_kri/{kri}`: a resource by the identifier that it has in every control plane. The section at the end is ignored. */
export const kriRoute = ({ store }: ApiContext, resources: Resources): Route => ({
  method: 'GET',
  path: '/_kri/:kri',
  title: titles.get,
  async handle(request) {
    const text = param(request, 'kri')
    const parts = text.split('_')
    const [prefix, shortName, mesh = '', , , name = ''] = parts
    if (prefix !== 'kri' || parts.length !== 7)
      throw badRequest(`bad request: invalid identifier string: ${JSON.stringify(text)}`)
    const type = allTypes.find((each) => each.shortName === shortName && shortName !== '')
    if (type === undefined)
      throw badRequest(`bad request: unknown short name of resource type: ${JSON.stringify(shortName)}`)
    checkAccess(type, request.actor)
    const asKubernetes = wantsKubernetes(request.query)
    const wanted = parts.slice(0, -1).join('_')
    const rows = await store.read.byDisplayName(type.name, type.scope === 'mesh' ? mesh : '', name)
    const row = rows.find((each) => kriOf(type, each)?.slice(0, -1) === wanted)
    if (row === undefined) throw notFound(titles.get)
    const shown = await resources.renderOne(row)
    return ok(asKubernetes ? kubernetesObject(type, shown, request.query.get('namespace') ?? '') : shown)
  },
})
