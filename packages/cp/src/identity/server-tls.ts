import { hostname, networkInterfaces } from 'node:os'
import { type Authorities, certifyGlobal } from '@holdfast/identity'
import { invariant, Problem } from '@holdfast/model'
import type { ControlPlaneStore } from '@holdfast/store'
import type { Logger } from 'pino'
import { newEcKey, serialNumber } from './first-keys.js'
import type { IdentityKeeper } from './keeper.js'
import { readTlsFiles, type ServerPair, type TlsFiles } from './tls-files.js'

export interface ServerTlsOptions {
  readonly what: string
  readonly store: ControlPlaneStore
  readonly keeper: IdentityKeeper
  /** Absent: a certificate of the built-in authority, made at each start. */
  readonly files?: TlsFiles | undefined
  readonly trustDomain: string
  /** Besides this machine's own. */
  readonly names: readonly string[]
  readonly log: Logger
  readonly nowMs: () => number
  /** Told of what is shown from here on. */
  readonly onChange: (pair: ServerPair & { readonly authorities: Authorities }) => void
}

const lookEveryMs = 1_000
const dayMs = 24 * 3_600_000
/** Of the certificates that the built-in authority signs for this process; a new one is made at half of it. */
const lifetimeMs = 30 * dayMs

/**
 * The certificate that a listener shows, replaced when its files or the authorities change, or when its time comes. What
 * cannot be used is told once and not taken: the one before stays.
 */
export class ServerTls {
  readonly #options: ServerTlsOptions
  #current: (ServerPair & { readonly authorities: Authorities }) | undefined
  #madeAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #told = ''
  #closed = false

  private constructor(options: ServerTlsOptions) {
    this.#options = options
  }

  /** @throws Problem `invalid` if there is nothing to show */
  static async open(options: ServerTlsOptions): Promise<ServerTls> {
    const tls = new ServerTls(options)
    tls.#current = await tls.#made(await tls.#authorities())
    tls.#timer = setInterval(() => {
      tls.#looking ??= tls.#look().finally(() => {
        tls.#looking = undefined
      })
    }, lookEveryMs)
    tls.#timer.unref()
    return tls
  }

  get current(): ServerPair & { readonly authorities: Authorities } {
    invariant(this.#current !== undefined, 'it is opened with a certificate')
    return this.#current
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { what, log, onChange, nowMs } = this.#options
    try {
      const authorities = await this.#authorities()
      const before = this.current
      const believesSame = authorities.trusted.join() === before.authorities.trusted.join()
      const isSignedBySame = authorities.signing?.certificatePem === before.authorities.signing?.certificatePem
      const isDue = this.#options.files === undefined && nowMs() > this.#madeAtMs + lifetimeMs / 2
      const isCurrent = this.#options.files === undefined && isSignedBySame && !isDue
      const { cert, key } = isCurrent ? before : await this.#made(authorities)
      const next = { cert, key, authorities }
      this.#told = ''
      if (
        this.#closed ||
        (believesSame && isSignedBySame && next.cert.equals(before.cert) && next.key.equals(before.key))
      )
        return
      this.#current = next
      onChange(next)
      log.info({ what }, 'the certificate was replaced; connections that stand go on')
    } catch (error) {
      const { message } = error as Error
      // Every second the same would bury everything else.
      if (message !== this.#told)
        log.error({ err: error, what }, 'the new certificate is not taken: the one before stays')
      this.#told = message
    }
  }

  async #authorities(): Promise<Authorities> {
    return (await this.#options.keeper.known()).authorities
  }

  async #made(authorities: Authorities): Promise<ServerPair & { readonly authorities: Authorities }> {
    const { files, trustDomain, names, nowMs, what } = this.#options
    if (files !== undefined) return { ...(await readTlsFiles(files, nowMs())), authorities }
    if (authorities.signing === undefined)
      throw new Problem(
        'invalid',
        `${what}: there is no authority to sign its certificate; give one with --*-tls-cert-file`,
      )
    const issuedAtMs = nowMs()
    this.#madeAtMs = issuedAtMs
    const { certificatePem, privateKeyPem } = await certifyGlobal(authorities.signing, {
      trustDomain,
      key: await newEcKey(),
      hosts: [...new Set([...ownNames(), ...names])],
      issuedAtMs,
      notAfterMs: issuedAtMs + lifetimeMs,
      serial: serialNumber(),
    })
    return { cert: Buffer.from(certificatePem), key: Buffer.from(privateKeyPem), authorities }
  }
}

/** By which this machine may be dialled. */
function ownNames(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const own = addresses.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'))
  return ['localhost', '127.0.0.1', '::1', ...(/^[A-Za-z0-9.-]+$/.test(hostname()) ? [hostname()] : []), ...own]
}
