import ipaddr from 'ipaddr.js'
import { headlessLabel, type Labels, vip6Label, vipLabel } from '../labels.js'
import type { Violation } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'
import { addressText } from '../vips.js'
import { isIpv6 } from './addresses.js'

/** Addresses that the author of a service asks for, in canonical text. */
export interface VipPins {
  readonly v4?: string | undefined
  readonly v6?: string | undefined
}

/** Its addresses are those of its instances, so it gets none of its own. */
export const isHeadless = (labels: Labels): boolean => labels[headlessLabel] === 'true'

export const wantsVip = (type: TypeDescriptor, labels: Labels): boolean => type.vipKind && !isHeadless(labels)

/** The pins in a set of labels; what is no address is left out here and named by `pinViolations`. */
export function vipPins(labels: Labels): VipPins {
  const v4 = labels[vipLabel]
  const v6 = labels[vip6Label]
  return {
    ...(v4 === undefined || !ipaddr.IPv4.isValidFourPartDecimal(v4) ? {} : { v4 }),
    ...(v6 === undefined || !isIpv6(withColons(v6)) ? {} : { v6: canonicalIpv6(withColons(v6)) }),
  }
}

/** A label value may not contain colons, and has to begin and end with a letter or digit: `fd00--1` is `fd00::1`. */
const withColons = (value: string): string => value.replaceAll('-', ':')
const canonicalIpv6 = (address: string): string =>
  addressText(Uint8Array.from(ipaddr.IPv6.parse(address).toByteArray()))

/** Everything wrong with the pins of a resource. Whether the address is free and in a pool, the ledger knows. */
export function pinViolations(type: TypeDescriptor, labels: Labels): readonly Violation[] {
  const pins = vipPins(labels)
  const given = [
    { label: vipLabel, family: 'an IPv4 address such as 241.16.0.1', isAddress: pins.v4 !== undefined },
    { label: vip6Label, family: 'an IPv6 address with - for :, such as fd00--1', isAddress: pins.v6 !== undefined },
  ].filter(({ label }) => labels[label] !== undefined)
  return given.flatMap(({ label, family, isAddress }) => {
    const path = `labels[${JSON.stringify(label)}]`
    if (!type.vipKind) return [{ path, message: `a ${type.name} has no virtual IP to pin: leave the label out` }]
    return [
      ...(isAddress ? [] : [{ path, message: `must be ${family}` }]),
      ...(isHeadless(labels)
        ? [{ path, message: 'a headless service has no virtual IP to pin: leave the label out' }]
        : []),
    ]
  })
}
