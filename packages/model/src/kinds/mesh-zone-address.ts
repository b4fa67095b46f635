import { z } from 'zod'
import { isDnsName, isIp, isUnspecified } from './addresses.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'

/** Where other zones reach this one for a mesh. */
const schema = z.looseObject({ address: z.string().min(1), port: z.int32().min(1).max(65_535) })

export type MeshZoneAddressSpec = z.infer<typeof schema>
export const meshZoneAddressKind = keptKind('MeshZoneAddress', schema, findings)

/** Kuma 2.14 takes any text; later ones ask for an address, and one that nobody can reach is no address. */
function* findings({ address }: MeshZoneAddressSpec): Iterable<Finding> {
  if (isUnspecified(address)) yield strict('spec.address', 'must not be 0.0.0.0 or ::')
  else if (!isIp(address) && !isDnsName(address))
    yield strict('spec.address', 'must be a valid IP address or domain name')
}
