import { fromBinary } from '@bufbuild/protobuf'
import { DataplaneSchema, ZoneEgressSchema, ZoneIngressSchema } from '@holdfast/proto'
import { Problem } from './problems.js'

/** Types of resources that are proxies: each has an admin interface. */
export const proxyTypes = ['Dataplane', 'ZoneIngress', 'ZoneEgress'] as const
export type ProxyType = (typeof proxyTypes)[number]
export const isProxyType = (type: string): type is ProxyType => proxyTypes.some((known) => known === type)

/** Where a proxy's admin interface listens. */
export interface ProxyAdmin {
  /** '' where the proxy says none. */
  readonly address: string
  /** `undefined` where the proxy leaves it to the control plane. */
  readonly port: number | undefined
}

/**
 * Where a proxy can be asked, of the bytes of its spec.
 * @throws Problem `invalid` for a type that is no proxy
 */
export function proxyAdminOf(type: string, spec: Uint8Array): ProxyAdmin {
  if (!isProxyType(type)) throw new Problem('invalid', `${type} is no proxy; ${proxyTypes.join(', ')} can be asked`)
  const networking = networkingOf(type, spec)
  return { address: networking?.address ?? '', port: networking?.admin?.port || undefined }
}

function networkingOf(type: ProxyType, spec: Uint8Array) {
  switch (type) {
    case 'Dataplane':
      return fromBinary(DataplaneSchema, spec).networking
    case 'ZoneIngress':
      return fromBinary(ZoneIngressSchema, spec).networking
    case 'ZoneEgress':
      return fromBinary(ZoneEgressSchema, spec).networking
  }
}
