import type { PeerCertificate } from 'node:tls'
import { Client, credentials } from '@grpc/grpc-js'
import { urisOf } from '@holdfast/identity'
import { askForCertificate, type Certified } from './certify.js'
import type { DialTls } from './dial.js'
import { grpcTarget, type KdsAddress, parseKdsAddress } from './kds-address.js'
import { defaultLimits, dialKeepaliveMs, grpcOptions, type LinkLimits } from './limits.js'
import { dialMetadata } from './metadata.js'
import { tlsCredentials } from './tls-credentials.js'

/** A connection of its own to a global. */
export function clientOf(
  address: KdsAddress,
  { version, tls }: { readonly version: string; readonly tls?: DialTls | undefined },
  limits: LinkLimits,
): Client {
  return new Client(grpcTarget(address), address.secure ? secured(address.host, tls) : credentials.createInsecure(), {
    ...grpcOptions(limits, dialKeepaliveMs),
    // A connection shared with another link would not die with this one.
    'grpc.use_local_subchannel_pool': 1,
    // A call that gRPC repeated would be a second stream of the same session.
    'grpc.enable_retries': 0,
    // A proxy that was set for downloads must not catch the link between control planes.
    'grpc.enable_http_proxy': 0,
    'grpc.primary_user_agent': `kds/${version} (${process.platform}; ${process.arch}; Holdfast)`,
    ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
  })
}

const secured = (host: string, { serverName, serverId, ...tls }: DialTls = {}) =>
  tlsCredentials({
    ...tls,
    name: serverName ?? host,
    // In place of the name: the authority signs one certificate with this ID, whatever addresses lead there.
    checkServer: serverId === undefined ? undefined : (cert) => hasId(cert, serverId),
  })

function hasId({ subjectaltname }: PeerCertificate, serverId: string): Error | undefined {
  const uris = urisOf(subjectaltname)
  if (uris.includes(serverId)) return undefined
  return new Error(`who answers there is not ${serverId} but ${uris.join(', ') || 'somebody without a SPIFFE ID'}`)
}

export interface CertifyOptions {
  readonly address: string
  readonly zone: string
  readonly version: string
  readonly tls?: DialTls | undefined
  readonly token?: string | undefined
  /** PKCS#10, DER. */
  readonly request: Uint8Array
}

/** Asks a global once, on a connection that is closed again. @throws see `askForCertificate` */
export async function certifyAt({ address, zone, version, tls, token, request }: CertifyOptions): Promise<Certified> {
  const client = clientOf(parseKdsAddress(address), { version, tls }, defaultLimits)
  try {
    return await askForCertificate(client, dialMetadata({ zone, version, token }), request)
  } finally {
    client.close()
  }
}
