import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { isIpv6 } from './addresses.js'

export const vipKind = z.enum(['MeshService', 'MeshExternalService', 'MeshMultiZoneService'])
export const vipFamily = z.literal([4, 6])

/** Why a text is not a network of the family, `undefined` if it is one. */
export function cidrProblem(cidr: string, family: 4 | 6): string | undefined {
  const [address = '', bits = '', ...more] = cidr.split('/')
  const isOfFamily = family === 4 ? ipaddr.IPv4.isValidFourPartDecimal(address) : isIpv6(address)
  if (!isOfFamily || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return `must be an IPv${family} network such as ${family === 4 ? '241.0.0.0/8' : 'fd00:1:2::/48'}`
  const network = family === 4 ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr)
  return network.toString() === ipaddr.parse(address).toString()
    ? undefined
    : `has bits set behind the prefix; did you mean ${network.toString()}/${bits}?`
}
