import { addressBytes } from '@holdfast/model'

/** Whether an address lies in a CIDR of the same family. Both in canonical text. */
export function isInCidr(address: string, cidr: string): boolean {
  const [network = '', length = ''] = cidr.split('/')
  const inside = addressBytes(address)
  const base = addressBytes(network)
  if (inside.length !== base.length) return false
  const bits = Number(length)
  return base.every((byte, i) => {
    const mask = 0xff & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8)))
    return (byte & mask) === ((inside[i] ?? 0) & mask)
  })
}
