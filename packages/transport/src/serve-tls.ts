import type { SecureContextOptions } from 'node:tls'
import { ServerCredentials } from '@grpc/grpc-js'

export interface ServeTls {
  /** PEM, with intermediates. */
  readonly cert: Buffer
  /** PEM. */
  readonly key: Buffer
  /** PEM: whose certificates of zones are looked at. A zone without one may have another proof. */
  readonly clientAuthorities?: readonly string[] | undefined
}

/**
 * TLS 1.3 with a certificate that can be replaced: connections that stand keep the one that they began with, and those
 * that come get the new one.
 */
export class ReplaceableTls extends ServerCredentials {
  constructor(tls: ServeTls) {
    // Whoever shows a certificate of nobody we know is let through the handshake, to be told why it goes no further.
    super({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' }, contextOf(tls))
  }

  replace(tls: ServeTls): void {
    this.updateSecureContextOptions(contextOf(tls))
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}

const contextOf = ({ cert, key, clientAuthorities = [] }: ServeTls): SecureContextOptions => ({
  cert,
  key,
  // An empty list would be the system's.
  ca: clientAuthorities.length === 0 ? [cert] : [...clientAuthorities],
  minVersion: 'TLSv1.3',
})
