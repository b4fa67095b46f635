import { z } from 'zod'
import { type Finding, refused } from './finding.js'
import { type JsonKind, jsonKind } from './json-kind.js'

/** Where zones can dial global. Holdfast's own; written by global, remembered by its zones for the day it moves. */
const schema = z.looseObject({
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`. */
  addresses: z.array(z.string()),
})

export type GlobalEndpointsSpec = z.infer<typeof schema>

/** More than any global has replicas; a longer list would only keep a zone from the addresses that work. */
export const globalEndpointsMax = 32

const base = jsonKind('GlobalEndpoints', schema, findings)

/**
 * A list that a zone could not dial is refused wherever it comes from (EMPTY): what is remembered stays. There is no
 * Kuma that may have stored a worse one.
 */
export const globalEndpointsKind: JsonKind<GlobalEndpointsSpec> = {
  ...base,
  findings: (spec) => base.findings(spec).map(({ path, message }) => refused(path, message)),
}

function* findings({ addresses }: GlobalEndpointsSpec): Iterable<Finding> {
  for (const [path, message] of endpointProblems(addresses)) yield refused(`spec${path}`, message)
}

/** What keeps a list from being one that can be dialled, by path in it; nothing: it can be tried. */
export function* endpointProblems(addresses: readonly string[]): Iterable<readonly [path: string, message: string]> {
  if (addresses.length === 0) yield ['.addresses', 'is empty: a zone would reach nobody']
  if (addresses.length > globalEndpointsMax)
    yield ['.addresses', `has ${addresses.length} addresses, and ${globalEndpointsMax} are remembered at most`]
  for (const [i, address] of addresses.entries())
    if (!isEndpoint(address))
      yield [`.addresses[${i}]`, `"${address.slice(0, 80)}" must be grpc://HOST:PORT or grpcs://HOST:PORT`]
}

const isEndpoint = (text: string): boolean => {
  const [, host = '', port = ''] =
    /^grpcs?:\/\/(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/.exec(text) ?? []
  return host !== '' && Number(port) >= 1 && Number(port) <= 65_535
}
