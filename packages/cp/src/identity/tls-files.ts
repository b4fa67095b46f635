import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { fingerprintsOf } from '@holdfast/identity'
import { Problem } from '@holdfast/model'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** PEM. */
export interface ServerPair {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Reads a certificate and its key, and proves that they belong together.
 * @throws Problem `invalid` that names the file and what is wrong with it
 */
export async function readTlsFiles({ certFile, keyFile }: TlsFiles, nowMs: number): Promise<ServerPair> {
  const [cert, key] = await Promise.all([readOf(certFile), readOf(keyFile)])
  const refused = (file: string, why: string, cause?: unknown): Problem =>
    new Problem('invalid', `${file}: ${why}`, { cause })
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch (error) {
    throw refused(certFile, 'is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----', error)
  }
  let isPair: boolean
  try {
    isPair = leaf.checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    throw refused(keyFile, 'is no private key in PEM, or one with a passphrase: give one without', error)
  }
  if (!isPair)
    throw refused(keyFile, `is not the key of the certificate in ${certFile}; the leaf must come first there`)
  if (Date.parse(leaf.validTo) <= nowMs)
    throw refused(certFile, `has expired (${leaf.validTo}): put a new one in its place`)
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw refused(
      certFile,
      `cannot be used for TLS: ${(error as Error).message}; have one made with another key or signature`,
      error,
    )
  }
  return { cert, key }
}

/**
 * Reads certificates of authorities.
 * @throws Problem `invalid` that names the file: whoever were told of nobody, or of something else, could not dial again
 */
export async function readAuthorities(file: string): Promise<string> {
  const text = (await readOf(file)).toString('utf8')
  let count: number
  try {
    count = fingerprintsOf(text).length
  } catch (error) {
    throw new Problem(
      'invalid',
      `${file}: holds a certificate that cannot be read: put the whole of it there, or take it out`,
      { cause: error },
    )
  }
  if (count === 0)
    throw new Problem('invalid', `${file}: holds no certificate in PEM: one begins with -----BEGIN CERTIFICATE-----`)
  return text
}

async function readOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new Problem('invalid', `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
