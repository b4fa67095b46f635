import { z } from 'zod'
import { shownObjects, shownStatus, shownText, wideColumn } from './columns.js'
import { type Finding, refused } from './finding.js'
import { jsonKind } from './json-kind.js'
import { portFindings, protocols, servicePort } from './ports.js'
import { matchLabels } from './schema.js'
import { serviceColumns } from './service-columns.js'

/** One name for the MeshServices of several zones. */
const schema = z.looseObject({
  selector: z.looseObject({ meshService: z.looseObject({ matchLabels: matchLabels.default({}) }) }),
  ports: z.array(servicePort).min(1),
})

export type MeshMultiZoneServiceSpec = z.infer<typeof schema>
export const meshMultiZoneServiceKind = jsonKind('MeshMultiZoneService', schema, findings, [
  ...serviceColumns,
  wideColumn('SERVICES', (item) =>
    shownObjects(shownStatus(item).meshServices)
      .map(({ name, zone }) => `${shownText(name)}${shownText(zone) === '' ? '' : `@${shownText(zone)}`}`)
      .join(', '),
  ),
])

function* findings({ selector, ports }: MeshMultiZoneServiceSpec): Iterable<Finding> {
  if (Object.keys(selector.meshService.matchLabels).length === 0)
    yield refused('spec.selector.meshService.matchLabels', 'cannot be empty')
  for (const [index, { name, appProtocol }] of ports.entries()) {
    if (name === '') yield refused(`spec.ports[${index}].name`, 'must not be empty')
    if (!protocols.some((protocol) => protocol === appProtocol))
      yield refused(`spec.ports[${index}].appProtocol`, `appProtocol must be one of: ${protocols.join(', ')}`)
  }
  yield* portFindings(ports)
}
