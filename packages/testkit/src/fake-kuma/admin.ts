import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ClustersRequestSchema,
  ClustersResponseSchema,
  StatsRequestSchema,
  StatsResponseSchema,
  XDSConfigRequestSchema,
  XDSConfigResponseSchema,
} from '@holdfast/proto'
import { adminPaths } from './paths.js'

/** A question on one of the three admin streams, whichever it is. */
export interface AdminAsked {
  readonly what: 'config dump' | 'stats' | 'clusters'
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly includeEds?: boolean
  readonly usedOnly?: boolean
  readonly json?: boolean
}
export type AdminSaid = { readonly error: string } | { readonly body: string }

const whats = ['config dump', 'stats', 'clusters'] as const

/** Which of the three a path is. */
export const adminWhat = (path: string): AdminAsked['what'] => {
  const what = whats[(adminPaths as readonly string[]).indexOf(path)]
  if (what === undefined) throw new Error(`${path} is no admin stream`)
  return what
}

export function readQuestion(what: AdminAsked['what'], bytes: Uint8Array): { readonly id: string } & AdminAsked {
  if (what === 'config dump') {
    const {
      requestId: id,
      resourceType,
      resourceMesh,
      resourceName,
      includeEds,
    } = fromBinary(XDSConfigRequestSchema, bytes)
    return { id, what, type: resourceType, mesh: resourceMesh, name: resourceName, includeEds }
  }
  if (what === 'stats') {
    const {
      requestId: id,
      resourceType,
      resourceMesh,
      resourceName,
      usedOnly,
      format,
    } = fromBinary(StatsRequestSchema, bytes)
    return { id, what, type: resourceType, mesh: resourceMesh, name: resourceName, usedOnly, json: format === 1 }
  }
  const { requestId: id, resourceType, resourceMesh, resourceName, format } = fromBinary(ClustersRequestSchema, bytes)
  return { id, what, type: resourceType, mesh: resourceMesh, name: resourceName, json: format === 1 }
}

export function writeQuestion(requestId: string, asked: AdminAsked): Buffer {
  const named = { requestId, resourceType: asked.type, resourceName: asked.name, resourceMesh: asked.mesh }
  const format = asked.json === true ? 1 : 0
  switch (asked.what) {
    case 'config dump':
      return Buffer.from(
        toBinary(
          XDSConfigRequestSchema,
          create(XDSConfigRequestSchema, { ...named, includeEds: asked.includeEds === true }),
        ),
      )
    case 'stats':
      return Buffer.from(
        toBinary(
          StatsRequestSchema,
          create(StatsRequestSchema, { ...named, format, usedOnly: asked.usedOnly === true }),
        ),
      )
    case 'clusters':
      return Buffer.from(toBinary(ClustersRequestSchema, create(ClustersRequestSchema, { ...named, format })))
  }
}

export function writeAnswer(what: AdminAsked['what'], requestId: string, said: AdminSaid): Buffer {
  const error = 'error' in said ? ({ case: 'error', value: said.error } as const) : undefined
  const value = Buffer.from('body' in said ? said.body : '')
  switch (what) {
    case 'config dump':
      return Buffer.from(
        toBinary(
          XDSConfigResponseSchema,
          create(XDSConfigResponseSchema, { requestId, result: error ?? { case: 'config', value } }),
        ),
      )
    case 'stats':
      return Buffer.from(
        toBinary(
          StatsResponseSchema,
          create(StatsResponseSchema, { requestId, result: error ?? { case: 'stats', value } }),
        ),
      )
    case 'clusters':
      return Buffer.from(
        toBinary(
          ClustersResponseSchema,
          create(ClustersResponseSchema, { requestId, result: error ?? { case: 'clusters', value } }),
        ),
      )
  }
}

export function readAnswer(what: AdminAsked['what'], bytes: Uint8Array): { readonly id: string } & AdminSaid {
  const schema = {
    'config dump': XDSConfigResponseSchema,
    stats: StatsResponseSchema,
    clusters: ClustersResponseSchema,
  }[what]
  const { requestId: id, result } = fromBinary(schema, bytes)
  return result.case === 'error'
    ? { id, error: result.value }
    : { id, body: Buffer.from(result.value ?? new Uint8Array()).toString('utf8') }
}
