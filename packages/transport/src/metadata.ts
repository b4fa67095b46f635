import { Metadata } from '@grpc/grpc-js'
import { isUuid, shown } from './codec/fields.js'
import type { LinkEnd } from './status.js'

/** Request metadata of KDS, and ours beside it. Any other peer ignores what it does not know. */

/** Advertised in request metadata and response headers by whoever has the extension. */
export const extensionFeature = 'holdfast-1'
export const isExtensionFeature = (feature: string): boolean => feature === extensionFeature

const clientIdKey = 'client-id'
const featuresKey = 'features'
const sessionKey = 'holdfast-session'
/**
 * A word of the replica that had the zone last, which the zone says when it dials again: for load balancers that send the
 * same word to the same place, so that a reconnect finds a warm replica. Global itself never reads it.
 */
export const affinityKey = 'holdfast-affinity'

/** Who dials, according to the metadata of one of its calls. */
export interface DialingPeer {
  /** Name of the zone, as it calls itself; the proof is another matter. */
  readonly zone: string
  readonly version: string
  readonly features: readonly string[]
  readonly extension: boolean
  /** Only with the extension, and always with it. */
  readonly sessionId?: string | undefined
  /** Value of the `authorization` metadata; a stock Kuma zone sends none. */
  readonly authorization?: string | undefined
}

export type DialingPeerOrEnd =
  | { readonly ok: true; readonly peer: DialingPeer }
  | { readonly ok: false; readonly end: LinkEnd }

/**
 * @param method decides the status of a missing name: a real global answers the two synchronisation streams with UNKNOWN
 * and everything else with INVALID_ARGUMENT
 */
export function dialingPeer(metadata: Metadata, method: 'sync' | 'other'): DialingPeerOrEnd {
  const zone = textOf(metadata, clientIdKey)
  if (zone === undefined || zone === '')
    return refused(method === 'sync' ? 'UNKNOWN' : 'INVALID_ARGUMENT', '"client-id" is not present in metadata')
  if (!isZoneName(zone))
    return refused(
      'INVALID_ARGUMENT',
      `"${clientIdKey}" is no name of a zone: lower case letters, digits, "-", "_" and ".", beginning and ending with a letter or digit, at most ${zoneNameMax} characters; it is "${shown(zone)}"`,
    )
  const features = featuresOf(metadata)
  const extension = features.some(isExtensionFeature)
  const sessionId = textOf(metadata, sessionKey)
  if (extension && (sessionId === undefined || !isUuid(sessionId)))
    return refused(
      'INVALID_ARGUMENT',
      `"${sessionKey}" must be a lowercase UUID in the metadata of a peer with ${extensionFeature}, not "${sessionId ?? ''}"`,
    )
  const authorization = textOf(metadata, 'authorization')
  return {
    ok: true,
    peer: {
      zone,
      version: textOf(metadata, 'version') ?? '',
      features,
      extension,
      ...(extension ? { sessionId } : {}),
      ...(authorization === undefined ? {} : { authorization }),
    },
  }
}

/** As long as any name of a Kuma. */
const zoneNameMax = 253
/** What Kuma accepts as the name of a resource, which a Zone is: looser than what our own zones may be called. */
const zoneNamePattern = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/
const isZoneName = (text: string): boolean => text.length <= zoneNameMax && zoneNamePattern.test(text)

const refused = (code: LinkEnd['code'], reason: string): DialingPeerOrEnd => ({ ok: false, end: { code, reason } })

/** HTTP/2 joins repeated keys with commas on the way to us, so every value may hold several features. */
export const featuresOf = (metadata: Metadata): readonly string[] =>
  metadata
    .get(featuresKey)
    .flatMap((value) => value.toString().split(','))
    .map((feature) => feature.trim())
    .filter((feature) => feature !== '')

const textOf = (metadata: Metadata, key: string): string | undefined => metadata.get(key)[0]?.toString()

/** What a zone sends with every call, the health check included. */
export function dialMetadata(options: {
  readonly zone: string
  readonly version: string
  /** Absent for calls beside a session: they are made as a Kuma zone makes them. */
  readonly sessionId?: string | undefined
  readonly token?: string | undefined
  readonly affinity?: string | undefined
}): Metadata {
  const metadata = new Metadata()
  metadata.set(clientIdKey, options.zone)
  metadata.set('kds-version', 'v3')
  metadata.set('zone-version', 'v3')
  metadata.set('version', options.version)
  // One value each: a real global compares whole values, and would not find a feature in a joined one.
  for (const feature of ['zone-ping-health', 'hash-suffix']) metadata.add(featuresKey, feature)
  if (options.sessionId !== undefined) {
    metadata.add(featuresKey, extensionFeature)
    metadata.set(sessionKey, options.sessionId)
  }
  if (options.affinity !== undefined) metadata.set(affinityKey, options.affinity)
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`)
  return metadata
}

/** What a global gave us to say again; undefined for anything that is no such word. */
export function affinityOf(metadata: Metadata): string | undefined {
  const text = textOf(metadata, affinityKey) ?? ''
  return /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined
}

/** Response headers towards a peer with the extension. @param affinity tells the replica, and nothing of it */
export function serveMetadata(affinity: string): Metadata {
  const metadata = new Metadata()
  metadata.set(featuresKey, extensionFeature)
  metadata.set(affinityKey, affinity)
  return metadata
}
