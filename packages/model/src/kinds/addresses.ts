import ipaddr from 'ipaddr.js'

export const isIp = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text) || isIpv6(text)

/** Without a zone index: `fe80::1%eth0` means something on one host only. */
export const isIpv6 = (text: string): boolean => ipaddr.IPv6.isValid(text) && !text.includes('%')

export const isUnspecified = (text: string): boolean =>
  isIp(text) && ['0.0.0.0', '::'].includes(ipaddr.parse(text).toString())

export const isLoopback = (text: string): boolean => isIp(text) && ipaddr.parse(text).range() === 'loopback'

const dnsLabel = /^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}$/

/** A DNS name as Kuma takes it: underscores are fine, and so is a dot at the end. */
export function isDnsName(text: string): boolean {
  const labels = (/[._]$/.test(text) ? text.slice(0, -1) : text).split('.')
  return text.replaceAll('.', '').length <= 255 && !isIp(text) && labels.every((label) => dnsLabel.test(label))
}

export const isCidr = (text: string): boolean =>
  (ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text)) && !text.includes('%')
