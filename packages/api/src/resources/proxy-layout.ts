import { kriOf, outboundsOf, spiffeIdOf, targetedProxy, typeOf } from '@holdfast/model'
import type { ControlPlaneStore, Row } from '@holdfast/store'
import { rowsOfMesh } from './names.js'
import type { Resources } from './service.js'

const serviceTypes = ['MeshService', 'MeshExternalService', 'MeshMultiZoneService'] as const

/** `…/_layout` of a Dataplane: its ports, where it can send to, and who it is to others. Keys in Kuma's order. */
export async function proxyLayout(store: ControlPlaneStore, resources: Resources, row: Row, zone: string) {
  const kri = kriOf(typeOf(row.type), row) ?? ''
  const all = targetedProxy(row)?.inbounds ?? []
  const services: Row[] = []
  for (const type of serviceTypes)
    services.push(...(await rowsOfMesh(store, type, row.mesh)).filter(({ audience }) => audience !== 'suspended'))
  const spiffeId = spiffeIdOf(
    { labels: resources.shownLabels(row) },
    (await rowsOfMesh(store, 'MeshIdentity', row.mesh)).filter(({ audience }) => audience !== 'suspended'),
    zone,
  )
  return {
    inbounds: all
      .filter(({ listener }) => listener === undefined)
      .map(({ port, protocol, section }) => ({
        kri: `${kri}${section}`,
        port,
        protocol,
        proxyResourceName: `self_inbound_dp_${section}`,
      })),
    kri,
    labels: resources.shownLabels(row),
    listeners: all.flatMap(({ listener, port, section }) =>
      listener === undefined
        ? []
        : [
            {
              kri: `${kri}${section}`,
              port,
              proxyResourceName: `self_${listener.toLowerCase()}_dp_${section}`,
              type: listener,
            },
          ],
    ),
    outbounds: outboundsOf(row, services).map(({ kri: to, port, protocol }) => ({
      kri: to,
      port,
      protocol,
      proxyResourceName: to,
    })),
    ...(spiffeId === undefined ? {} : { spiffeId }),
  }
}
