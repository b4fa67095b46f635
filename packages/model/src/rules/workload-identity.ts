import { compileTemplate, renderTemplate } from '../hostnames/template.js'
import { isJsonObject } from '../kinds/json.js'
import { readJsonSpec } from '../kinds/json-kind.js'
import { meshIdentityKind } from '../kinds/mesh-identity.js'
import { spiffeIdProblem } from '../kinds/spiffe-id.js'
import { envLabel, namespaceLabel, serviceAccountLabel, workloadLabel, zoneLabel } from '../labels.js'
import type { Resource } from '../resource.js'
import { objectsOf } from './policy-spec.js'
import { hasAll } from './proxy-target.js'

type Identity = Pick<Resource, 'mesh' | 'name' | 'labels' | 'spec'> & { readonly status?: Uint8Array | undefined }
type Proxy = Pick<Resource, 'labels'>

const trustDomainTemplate = '{{ .Mesh }}.{{ .Zone }}.mesh.local'
const pathTemplates = {
  kubernetes: '/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}',
  universal: '/workload/{{ .Workload }}',
} as const

/**
 * The SPIFFE ID that a proxy has by the MeshIdentity that says most of it; undefined while that one is not ready, or where its
 * template comes to no ID for this proxy.
 * @param zone of whom asks, for identities that are of none
 */
export function spiffeIdOf(proxy: Proxy, identities: readonly Identity[], zone: string): string | undefined {
  const identity = bestOf(proxy, identities)
  if (identity === undefined || !isReady(identity.row)) return undefined
  const { row, spec } = identity
  const render = (
    template: string,
    fields: Readonly<Record<string, string>>,
    { labels }: Proxy,
  ): string | undefined => {
    const rendered = renderTemplate(compileTemplate(template), fields, (key) => labels[key])
    return rendered.outcome === 'rendered' ? rendered.text : undefined
  }
  const domain = render(
    spec.spiffeID?.trustDomain ?? trustDomainTemplate,
    { Mesh: row.mesh, Zone: row.labels[zoneLabel] || zone },
    row,
  )
  if (domain === undefined) return undefined
  const path =
    spec.spiffeID?.path ?? pathTemplates[proxy.labels[envLabel] === 'kubernetes' ? 'kubernetes' : 'universal']
  const id = render(
    `spiffe://{{ .TrustDomain }}${path}`,
    {
      TrustDomain: domain,
      Namespace: proxy.labels[namespaceLabel] ?? '',
      ServiceAccount: proxy.labels[serviceAccountLabel] ?? '',
      Workload: proxy.labels[workloadLabel] ?? '',
    },
    proxy,
  )
  return id === undefined || spiffeIdProblem(id) !== undefined ? undefined : id
}

/** The one that names most labels of the proxy; of equals the first by name. */
function bestOf({ labels }: Proxy, identities: readonly Identity[]) {
  return identities
    .flatMap((row) => {
      const spec = meshIdentityKind.read(row.spec)
      const wanted = spec?.selector?.dataplane === undefined ? undefined : (spec.selector.dataplane.matchLabels ?? {})
      return spec === undefined || wanted === undefined || !hasAll(labels, wanted)
        ? []
        : [{ row, spec, count: Object.keys(wanted).length }]
    })
    .sort((a, b) => b.count - a.count || (a.row.name < b.row.name ? -1 : 1))
    .at(0)
}

function isReady({ status }: Identity): boolean {
  const read = status === undefined ? undefined : readJsonSpec(status)
  return (
    isJsonObject(read) && objectsOf(read.conditions).some((each) => each.type === 'Ready' && each.status === 'True')
  )
}
