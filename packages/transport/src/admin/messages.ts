import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { Problem } from '@holdfast/model'
import {
  AdminOutputFormat,
  ClustersRequestSchema,
  ClustersResponseSchema,
  GlobalKDSService,
  StatsRequestSchema,
  StatsResponseSchema,
  XDSConfigRequestSchema,
  XDSConfigResponseSchema,
} from '@holdfast/proto'

/** What is asked of the admin interface of a proxy: its configuration dump, its statistics, its clusters. */
export type AdminKind = 'xds' | 'stats' | 'clusters'
export const adminKinds: readonly AdminKind[] = ['xds', 'stats', 'clusters']

/** A question about one proxy, as global asks the zone that runs it. */
export interface AdminQuestion {
  readonly kind: AdminKind
  /** `Dataplane`, `ZoneIngress` or `ZoneEgress`. */
  readonly resourceType: string
  /** As the zone itself calls it. */
  readonly name: string
  /** '' for zone proxies. */
  readonly mesh: string
  /** Of statistics and clusters; a configuration dump is JSON always. */
  readonly format: 'text' | 'json'
  /** Of a configuration dump: with the endpoints. */
  readonly includeEds: boolean
  /** Of statistics: only what was written since the start of the proxy. */
  readonly usedOnly: boolean
}

export type AdminAnswer =
  | { readonly requestId: string; readonly error: string }
  | { readonly requestId: string; readonly body: Uint8Array }

/** Full path of the stream of each kind. */
export const adminPathOf: Readonly<Record<AdminKind, string>> = {
  xds: pathOf(GlobalKDSService.method.streamXDSConfigs.name),
  stats: pathOf(GlobalKDSService.method.streamStats.name),
  clusters: pathOf(GlobalKDSService.method.streamClusters.name),
}

/** How the request is called in the words of a Kuma. */
export const adminRequestName: Readonly<Record<AdminKind, string>> = {
  xds: 'XDSConfigRequest',
  stats: 'StatsRequest',
  clusters: 'ClustersRequest',
}

function pathOf(method: string): string {
  return `/${GlobalKDSService.typeName}/${method}`
}

export function encodeAdminRequest(requestId: string, question: AdminQuestion): Buffer {
  const { resourceType, name: resourceName, mesh: resourceMesh, includeEds, usedOnly } = question
  const named = { requestId, resourceType, resourceName, resourceMesh }
  const format = question.format === 'json' ? AdminOutputFormat.JSON : AdminOutputFormat.TEXT
  switch (question.kind) {
    case 'xds':
      return bytesOf(XDSConfigRequestSchema, { ...named, includeEds })
    case 'stats':
      return bytesOf(StatsRequestSchema, { ...named, format, usedOnly })
    case 'clusters':
      return bytesOf(ClustersRequestSchema, { ...named, format })
  }
}

/** @throws Problem `invalid` for bytes that are no such request, or one without an id: nothing could answer it */
export function decodeAdminRequest(kind: AdminKind, bytes: Uint8Array): { readonly requestId: string } & AdminQuestion {
  const base = { kind, format: 'text', includeEds: false, usedOnly: false } as const
  switch (kind) {
    case 'xds': {
      const request = messageOf(XDSConfigRequestSchema, bytes)
      return { ...base, ...namesOf(request), includeEds: request.includeEds }
    }
    case 'stats': {
      const request = messageOf(StatsRequestSchema, bytes)
      return { ...base, ...namesOf(request), format: formatOf(request.format), usedOnly: request.usedOnly }
    }
    case 'clusters': {
      const request = messageOf(ClustersRequestSchema, bytes)
      return { ...base, ...namesOf(request), format: formatOf(request.format) }
    }
  }
}

export function encodeAdminAnswer(kind: AdminKind, answer: AdminAnswer): Buffer {
  const { requestId } = answer
  const error = 'error' in answer ? ({ case: 'error', value: answer.error } as const) : undefined
  const value = 'body' in answer ? answer.body : new Uint8Array()
  switch (kind) {
    case 'xds':
      return bytesOf(XDSConfigResponseSchema, { requestId, result: error ?? { case: 'config', value } })
    case 'stats':
      return bytesOf(StatsResponseSchema, { requestId, result: error ?? { case: 'stats', value } })
    case 'clusters':
      return bytesOf(ClustersResponseSchema, { requestId, result: error ?? { case: 'clusters', value } })
  }
}

/** An answer without a result is an empty body: that is how a Kuma says that a proxy had nothing to tell. */
export function decodeAdminAnswer(kind: AdminKind, bytes: Uint8Array): AdminAnswer {
  const { requestId, result } = messageOf(answerSchemas[kind], bytes)
  if (requestId === '') throw new Problem('invalid', `an answer to a ${adminRequestName[kind]} without a request_id`)
  if (result.case === 'error') return { requestId, error: result.value }
  return { requestId, body: result.value ?? new Uint8Array() }
}

const answerSchemas = {
  xds: XDSConfigResponseSchema,
  stats: StatsResponseSchema,
  clusters: ClustersResponseSchema,
} as const

const formatOf = (format: AdminOutputFormat): 'text' | 'json' => (format === AdminOutputFormat.JSON ? 'json' : 'text')

interface Names {
  readonly requestId: string
  readonly resourceType: string
  readonly resourceName: string
  readonly resourceMesh: string
}

function namesOf({ requestId, resourceType, resourceName: name, resourceMesh: mesh }: Names) {
  if (requestId === '') throw new Problem('invalid', 'an admin request without a request_id cannot be answered')
  return { requestId, resourceType, name, mesh }
}

const bytesOf = <D extends DescMessage>(schema: D, init: MessageInitShape<D>): Buffer =>
  Buffer.from(toBinary(schema, create(schema, init)))

function messageOf<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes)
  } catch (error) {
    throw new Problem('invalid', `not a ${schema.name}: ${(error as Error).message}`, { cause: error })
  }
}
