import type { ProxyState } from '@holdfast/model'

export interface Tally {
  readonly total: number
  readonly online: number
  readonly offline: number
  readonly partiallyDegraded: number
}

export const tallyOf = (proxies: readonly Pick<ProxyState, 'status'>[]): Tally => {
  const count = (status: ProxyState['status']) => proxies.filter((proxy) => proxy.status === status).length
  return {
    total: proxies.length,
    online: count('online'),
    offline: count('offline'),
    partiallyDegraded: count('partiallyDegraded'),
  }
}

/** As protobuf's JSON has it: zeros are left out. */
export const withoutZeros = (numbers: object): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0))

/** Proxies by some text of each, tallied, keys sorted. */
export function tallyBy(
  proxies: readonly ProxyState[],
  keysOf: (proxy: ProxyState) => readonly string[],
): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const groups = new Map<string, ProxyState[]>()
  for (const proxy of proxies)
    for (const key of keysOf(proxy)) {
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [proxy])
      else group.push(proxy)
    }
  return Object.fromEntries(
    [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, group]) => [key, withoutZeros(tallyOf(group))] as const),
  )
}
