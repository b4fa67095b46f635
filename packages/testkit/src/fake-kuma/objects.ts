import {
  decodeKumaResource,
  encodeKumaResource,
  findType,
  type KumaResourceParts,
  kumaResourceTypeUrl,
  kumaVersion,
  wireKey,
} from '@holdfast/model'
import type { Resource } from '@holdfast/proto'

/** What one control plane holds: by type, then by wire key. */
export type KumaObjects = ReadonlyMap<string, ReadonlyMap<string, KumaResourceParts>>

/** Something that makes a real Kuma end its streams, or die. */
export class KumaFault extends Error {
  /** `crash`: the whole process of a real Kuma would be gone. */
  readonly kind: 'stream' | 'crash'

  constructor(kind: 'stream' | 'crash', message: string) {
    super(message)
    this.name = 'KumaFault'
    this.kind = kind
  }
}

export const keyOf = ({ mesh, name }: KumaResourceParts): string => wireKey(mesh, name)

export interface Encoded {
  readonly bytes: Uint8Array
  readonly version: string
}

export function encodeObject(parts: KumaResourceParts): Encoded {
  const bytes = encodeKumaResource(parts)
  return { bytes, version: kumaVersion(bytes) }
}

/** Decodes as strictly as Kuma: a wrong URL, a missing spec or unreadable JSON ends the stream, a nil spec the process. */
export function decodeObject(type: string, resource: Resource): KumaResourceParts {
  const any = resource.resource
  if (any === undefined) throw new KumaFault('stream', `${type}: a resource without content`)
  if (any.typeUrl !== kumaResourceTypeUrl)
    throw new KumaFault('stream', `${type}: mismatched type URL "${any.typeUrl}"`)
  const parts = decoded(type, any.value)
  const encoding = findType(type)?.encoding
  if (encoding === undefined) throw new KumaFault('stream', `invalid resource type "${type}"`)
  if (encoding.kind === 'json') readJson(`${type} ${parts.name}`, parts.spec)
  else if (parts.typeUrl !== encoding.typeUrl)
    throw new KumaFault('stream', `${type} ${parts.name}: spec has type URL "${parts.typeUrl}"`)
  if (parts.status !== undefined) readJson(`status of ${type} ${parts.name}`, parts.status)
  return parts
}

function decoded(type: string, bytes: Uint8Array): KumaResourceParts {
  try {
    return decodeKumaResource(bytes)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new KumaFault(message.includes('spec of') ? 'crash' : 'stream', `${type}: ${message}`)
  }
}

function readJson(what: string, bytes: Uint8Array): void {
  try {
    JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new KumaFault('stream', `${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
