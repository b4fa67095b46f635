import { proxyStateOf, type TypeDescriptor } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { notValid, titles } from './errors.js'
import type { ApiRequest } from './route.js'

type Filter = (row: Row) => boolean

const gateways: Readonly<Record<string, (kind: string) => boolean>> = {
  true: (kind) => kind !== 'standard',
  false: (kind) => kind === 'standard',
  builtin: (kind) => kind === 'gatewayBuiltin',
  delegated: (kind) => kind === 'gatewayDelegated',
}

/**
 * `tag=KEY:VALUE` (all of them on one inbound or gateway or spread over several; the value may be a part of it) and
 * `gateway=` of lists of Dataplanes; undefined where neither is asked for. A tag without a colon is ignored, as in Kuma.
 */
export function proxyFilterOf(type: TypeDescriptor, { query }: ApiRequest, template: string): Filter | undefined {
  if (type.name !== 'Dataplane') return undefined
  const tags = query.getAll('tag').flatMap((text): [string, string][] => {
    const colon = text.indexOf(':')
    return colon === -1 ? [] : [[text.slice(0, colon), text.slice(colon + 1)]]
  })
  const word = query.get('gateway') ?? ''
  const isWanted = Object.hasOwn(gateways, word) ? gateways[word] : undefined
  if (word !== '' && isWanted === undefined)
    // The words are Kuma's, and so is the spelling.
    throw notValid(titles.list, [
      {
        path: `${template}.gateway`,
        message: `shoud use \`true\`, \`false\`, 'builtin' or 'delegated' instead of ${word}`,
      },
    ])
  if (tags.length === 0 && isWanted === undefined) return undefined
  return (row) => {
    const proxy = proxyStateOf(row, undefined)
    return (
      (isWanted?.(proxy.kind) ?? true) &&
      tags.every(([key, value]) => proxy.tags.some((each) => each[key]?.includes(value) === true))
    )
  }
}
