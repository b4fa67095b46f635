import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  fingerprintsOf,
  type JoinBundle,
  parseJoinBundle,
  requestCertificate,
  type ZoneProof,
} from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import { certifyAt, type DialOptions, type DialTls, parseKdsAddress } from '@holdfast/transport'
import type { Logger } from 'pino'
import { newEcKey } from './first-keys.js'

/** What proves a zone's name, as it is kept in the data folder. */
interface Kept {
  readonly zone: string
  /** PEM. */
  readonly certificate: string
  readonly privateKey: string
  /** PEM: whom to believe at global. */
  readonly authorities: string
  readonly globalId?: string | undefined
  readonly addresses: readonly string[]
  /** Hash of the token that the first certificate was got for: another bundle is a new beginning. */
  readonly bundle: string
}

export interface ZoneIdentityOptions {
  readonly zone: string
  readonly dataDir: string
  readonly bundle?: JoinBundle | undefined
  readonly joinFile?: string | undefined
  readonly globalCaFile?: string | undefined
  readonly tokenFile?: string | undefined
  /** Where global may be dialled; for a process that stands by and has not dialled yet. */
  readonly addresses?: readonly string[] | undefined
  readonly version: string
  readonly log: Logger
  readonly nowMs: () => number
}

type Proof = Pick<DialOptions, 'tls' | 'token'>

const renewLookEveryMs = 60_000
/** How long a renewal that failed is let rest, beside a certificate that is still good. */
const renewRestMs = 30_000

const fileOf = (dataDir: string): string => join(dataDir, 'zone-identity.json')

/** What a zone that has joined before knows of it; undefined if it has not. */
export async function keptIdentity(
  dataDir: string,
): Promise<{ readonly zone: string; readonly addresses: readonly string[] } | undefined> {
  try {
    const { zone, addresses } = JSON.parse(await readFile(fileOf(dataDir), 'utf8')) as Kept
    return { zone, addresses }
  } catch {
    return undefined
  }
}

/** Reads a join bundle. @throws Problem `invalid` that names the file and what is wrong with it */
export async function readJoinFile(file: string): Promise<JoinBundle> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new Problem(
      'invalid',
      `the join bundle cannot be read: ${(error as Error).message}; 'holdfastctl zone add' at global makes one`,
      { cause: error },
    )
  }
  return parseJoinBundle(text, file)
}

/**
 * What a zone shows at global: its certificate, got once with the token of a join bundle and renewed at half its life,
 * or a token as it is. It is kept in the data folder, readable by its owner alone.
 */
export class ZoneIdentity {
  readonly #options: ZoneIdentityOptions
  readonly #file: string
  #kept: Kept | undefined
  #address: string | undefined
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> | undefined
  #triedAtMs = Number.NEGATIVE_INFINITY
  #certifying: Promise<void> = Promise.resolve()

  private constructor(options: ZoneIdentityOptions) {
    this.#options = options
    this.#file = fileOf(options.dataDir)
  }

  static async open(options: ZoneIdentityOptions): Promise<ZoneIdentity> {
    const identity = new ZoneIdentity(options)
    identity.#kept = await identity.#read()
    identity.#timer = setInterval(() => identity.#renewSoon(), renewLookEveryMs)
    identity.#timer.unref()
    if (identity.#kept !== undefined) identity.#renewSoon()
    return identity
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
  }

  /**
   * What to show at an address of global. A certificate is asked for there if there is none yet.
   * @throws Problem `unauthenticated` or `forbidden` if only a new bundle would help
   */
  async proofFor(address: string): Promise<Proof> {
    const { bundle, tokenFile } = this.#options
    if (!parseKdsAddress(address).secure) {
      const token = tokenFile === undefined ? bundle?.token : await this.#tokenOf(tokenFile)
      return token === undefined ? {} : { token }
    }
    this.#address = address
    if (bundle === undefined && this.#kept === undefined) {
      const tls = await this.#believed()
      return { tls, ...(tokenFile === undefined ? {} : { token: await this.#tokenOf(tokenFile) }) }
    }
    if (this.#kept === undefined || !this.#isGood(this.#kept)) {
      const token = await this.#enrol(address)
      if (token !== undefined) return { tls: await this.#believed(), token }
    } else if (this.#isDue(this.#kept)) await this.#renew(address)
    return { tls: await this.#believed(this.#kept) }
  }

  /** @returns the token, where global gives no certificates (a Kuma) */
  async #enrol(address: string): Promise<string | undefined> {
    const { bundle, zone, joinFile = '', nowMs } = this.#options
    const again = `make a new one at global with 'holdfastctl zone add ${zone}' and start with --join`
    if (bundle === undefined)
      throw new Problem(
        'unauthenticated',
        `the certificate of zone ${zone} has expired, and there is no join bundle: ${again}`,
      )
    if (bundle.expiresAtMs <= nowMs())
      throw new Problem(
        'unauthenticated',
        `the join bundle ${joinFile} has expired (${new Date(bundle.expiresAtMs).toISOString()}): ${again}`,
      )
    try {
      await this.#certify(address, { token: bundle.token, tls: await this.#believed() })
      return undefined
    } catch (error) {
      if (error instanceof Problem && error.kind === 'missing') return bundle.token
      throw error
    }
  }

  async #renew(address: string): Promise<void> {
    const { nowMs, log } = this.#options
    if (nowMs() - this.#triedAtMs < renewRestMs) return
    this.#triedAtMs = nowMs()
    try {
      await this.#certify(address, { tls: await this.#believed(this.#kept) })
    } catch (error) {
      log.warn({ err: error }, "the zone's certificate could not be renewed; trying again while it is good")
    }
  }

  /**
   * Of several processes of a zone one dials, and the others need a good certificate for the moment when they do: each
   * renews its own.
   */
  #renewSoon(): void {
    const [kept, address] = [this.#kept, this.#someAddress()]
    if (address === undefined) return
    const isGood = kept !== undefined && this.#isGood(kept)
    const isFirst = !isGood && this.#options.bundle !== undefined
    if (!isFirst && !(isGood && this.#isDue(kept))) return
    this.#renewing ??= (isFirst ? this.#enrolAhead(address) : this.#renew(address)).finally(() => {
      this.#renewing = undefined
    })
  }

  /** While the bundle is good, which is not for long. */
  async #enrolAhead(address: string): Promise<void> {
    const { nowMs, log } = this.#options
    if (nowMs() - this.#triedAtMs < renewRestMs) return
    this.#triedAtMs = nowMs()
    try {
      await this.#enrol(address)
    } catch (error) {
      log.debug({ err: error }, 'this process has no certificate for when it has to dial')
    }
  }

  #someAddress(): string | undefined {
    return this.#address ?? this.#options.addresses?.find((address) => parseKdsAddress(address).secure)
  }

  /**
   * Global asks for it while its authorities change: a new certificate now, and whom to believe from now on.
   * @returns what this zone has, whether it could be renewed or not
   */
  async renewNow(): Promise<ZoneProof> {
    const address = this.#someAddress()
    if (this.#kept !== undefined && address !== undefined && this.#isGood(this.#kept)) {
      await this.#renewing
      this.#triedAtMs = Number.NEGATIVE_INFINITY
      await this.#renew(address)
    }
    const { rootCa } = await this.#believed(this.#kept)
    return { certificate: this.#kept?.certificate ?? null, believes: fingerprintsOf(rootCa?.toString('utf8') ?? '') }
  }

  /** One at a time: what is kept is written to one file. */
  #certify(address: string, proof: Proof): Promise<void> {
    const certified = this.#certifying.then(() => this.#certifyNow(address, proof))
    this.#certifying = certified.catch(() => undefined)
    return certified
  }

  async #certifyNow(address: string, proof: Proof): Promise<void> {
    const { zone, version, bundle, log } = this.#options
    const key = await newEcKey()
    const request = await requestCertificate(zone, key)
    const { certificate, authorities } = await certifyAt({ address, zone, version, request, ...proof })
    const kept: Kept = {
      zone,
      certificate,
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      authorities: authorities === '' ? (this.#kept?.authorities ?? bundle?.authorities ?? '') : authorities,
      globalId: this.#isFromBundle() ? bundle?.globalId : (this.#kept?.globalId ?? bundle?.globalId),
      addresses: bundle?.addresses ?? this.#kept?.addresses ?? [],
      bundle: bundle === undefined ? (this.#kept?.bundle ?? '') : hashOf(bundle),
    }
    await this.#write(kept)
    this.#kept = kept
    log.info({ until: new X509Certificate(certificate).validTo }, 'global has certified the name of this zone')
  }

  #isFromBundle(): boolean {
    return this.#options.bundle !== undefined && this.#kept?.bundle !== hashOf(this.#options.bundle)
  }

  async #believed(kept?: Kept): Promise<DialTls> {
    const { bundle, globalCaFile } = this.#options
    const authorities = kept?.authorities ?? bundle?.authorities ?? ''
    const serverId = kept === undefined ? bundle?.globalId : kept.globalId
    const rootCa =
      authorities !== ''
        ? Buffer.from(authorities)
        : globalCaFile === undefined
          ? undefined
          : await readOf(globalCaFile, '--global-ca-file')
    return {
      ...(rootCa === undefined ? {} : { rootCa }),
      ...(serverId === undefined ? {} : { serverId }),
      ...(kept === undefined
        ? {}
        : { certificate: { cert: Buffer.from(kept.certificate), key: Buffer.from(kept.privateKey) } }),
    }
  }

  async #tokenOf(file: string): Promise<string> {
    return (await readOf(file, '--zone-token-file')).toString('utf8').trim()
  }

  #isGood({ certificate }: Kept): boolean {
    return Date.parse(new X509Certificate(certificate).validTo) > this.#options.nowMs()
  }

  #isDue({ certificate }: Kept): boolean {
    const { validFrom, validTo } = new X509Certificate(certificate)
    return this.#options.nowMs() > (Date.parse(validFrom) + Date.parse(validTo)) / 2
  }

  /** What is there, unless it is another zone's or an older bundle's. */
  async #read(): Promise<Kept | undefined> {
    const { zone, bundle, log } = this.#options
    let kept: Kept
    try {
      kept = JSON.parse(await readFile(this.#file, 'utf8')) as Kept
      new X509Certificate(kept.certificate).checkPrivateKey(createPrivateKey(kept.privateKey))
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT')
        log.error(
          { err: error, file: this.#file },
          'what proves the name of this zone cannot be read: a join bundle is needed again',
        )
      return undefined
    }
    if (kept.zone !== zone || (bundle !== undefined && kept.bundle !== hashOf(bundle))) return undefined
    return kept
  }

  async #write(kept: Kept): Promise<void> {
    await mkdir(this.#options.dataDir, { recursive: true })
    const next = `${this.#file}.tmp`
    await writeFile(next, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    await rename(next, this.#file)
  }
}

const hashOf = ({ token }: JoinBundle): string => createHash('sha256').update(token).digest('hex')

async function readOf(file: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new Problem(
      'unavailable',
      `the file of ${flag} cannot be read: ${(error as Error).message}; put it there, or name another one`,
      { cause: error },
    )
  }
}
