import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls'
import { CallCredentials, ChannelCredentials, credentials } from '@grpc/grpc-js'

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>
type SecureConnectResult = Awaited<ReturnType<SecureConnector['connect']>>

export interface TlsCredentialsOptions {
  /** Name or address in the certificate of whoever answers: the one that is dialled, unless it is another. */
  readonly name: string
  /** PEM; the system's roots if absent. */
  readonly rootCa?: Buffer | undefined
  /** What we show of ourselves, PEM. */
  readonly certificate?: { readonly cert: Buffer; readonly key: Buffer } | undefined
  readonly skipVerify?: boolean | undefined
  /** In place of the name: undefined if it is the right one. */
  readonly checkServer?: ((cert: PeerCertificate) => Error | undefined) | undefined
}

/** What a gRPC client needs to dial over TLS. A name that is not the dialled one is said in the channel's options as well. */
export function tlsCredentials(options: TlsCredentialsOptions): ChannelCredentials {
  const { name, rootCa, certificate, skipVerify, checkServer } = options
  if (isIP(name) !== 0) return new AddressCredentials(options)
  return credentials.createSsl(rootCa ?? null, certificate?.key ?? null, certificate?.cert ?? null, {
    rejectUnauthorized: skipVerify !== true,
    ...(checkServer === undefined
      ? {}
      : { checkServerIdentity: (_: string, cert: PeerCertificate) => checkServer(cert) }),
  })
}

/**
 * For a host that is dialled by its IP address. TLS has no server name for one (RFC 6066), and gRPC would send the address
 * as such, which Node calls a mistake at every start of a zone. So none is sent; who answers is checked all the same,
 * against the address.
 */
class AddressCredentials extends ChannelCredentials {
  readonly #options: TlsCredentialsOptions
  readonly #context: SecureContext

  constructor(options: TlsCredentialsOptions) {
    super()
    const { rootCa, certificate } = options
    this.#options = options
    this.#context = createSecureContext({
      ...(rootCa === undefined ? {} : { ca: rootCa }),
      ...(certificate === undefined ? {} : certificate),
    })
  }

  _isSecure(): boolean {
    return true
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other
  }

  _createSecureConnector(_target: unknown, _channel: unknown, call = CallCredentials.createEmpty()): SecureConnector {
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => call,
      destroy: () => {},
    }
  }

  #connect(plain: Socket): Promise<SecureConnectResult> {
    const { name, skipVerify, checkServer } = this.#options
    return new Promise((resolve, reject) => {
      const socket = connect({
        socket: plain,
        // What the certificate is checked against where no name is sent.
        host: name,
        servername: '',
        secureContext: this.#context,
        ALPNProtocols: ['h2'],
        rejectUnauthorized: skipVerify !== true,
        ...(checkServer === undefined
          ? {}
          : { checkServerIdentity: (_: string, cert: PeerCertificate) => checkServer(cert) }),
      })
      socket.once('secureConnect', () => resolve({ socket, secure: true }))
      socket.on('error', reject)
    })
  }
}
