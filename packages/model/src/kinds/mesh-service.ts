import { z } from 'zod'
import { shownObject, shownStatus, wideColumn } from './columns.js'
import { type Finding, refused, warning } from './finding.js'
import { jsonKind } from './json-kind.js'
import { isKnownProtocol, portFindings, servicePort } from './ports.js'
import { matchLabels, omitEmpty } from './schema.js'
import { serviceColumns } from './service-columns.js'

/** A service of one zone: which proxies serve it, and at which ports. */
const schema = z.looseObject({
  state: z.enum(['Available', 'Unavailable']).default('Unavailable'),
  selector: z
    .looseObject({
      dataplaneTags: matchLabels.optional(),
      dataplaneRef: z.looseObject({ name: omitEmpty(z.string()).optional() }).optional(),
      dataplaneLabels: z.looseObject({ matchLabels: matchLabels.optional() }).optional(),
    })
    .default({}),
  ports: omitEmpty(z.array(servicePort)).optional(),
  identities: z.array(z.looseObject({ type: z.enum(['ServiceTag', 'SpiffeID']), value: z.string() })).optional(),
})

export type MeshServiceSpec = z.infer<typeof schema>
export const meshServiceKind = jsonKind('MeshService', schema, findings, [
  ...serviceColumns,
  wideColumn('PROXIES', (item) => {
    const { connected = 0, healthy = 0, total = 0 } = shownObject(shownStatus(item).dataplaneProxies)
    return `${String(connected)} connected, ${String(healthy)} healthy of ${String(total)}`
  }),
])

function* findings({ selector, ports = [] }: MeshServiceSpec): Iterable<Finding> {
  const ways = [selector.dataplaneTags, selector.dataplaneRef, selector.dataplaneLabels]
  if (ways.filter((way) => way !== undefined).length > 1)
    yield refused('spec.selector', 'must specify only one of: dataplaneTags, dataplaneRef, or dataplaneLabels')
  yield* portFindings(ports)
  for (const [index, { appProtocol }] of ports.entries())
    if (!isKnownProtocol(appProtocol))
      yield warning(`spec.ports[${index}].appProtocol`, `"${appProtocol}" is not known and is treated as tcp`)
}
