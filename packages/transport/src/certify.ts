import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Client, Metadata, ServerUnaryCall, sendUnaryData, status } from '@grpc/grpc-js'
import { Problem } from '@holdfast/model'
import { CertifyRequestSchema, CertifyResponseSchema, ZoneIdentity } from '@holdfast/proto'
import { asIs } from './methods.js'
import { endedWords, type LinkEnd, statusDetails, statusName, statusNumber } from './status.js'

/** Full path of the method by which a zone gets its certificate. */
export const certifyPath = `/${ZoneIdentity.typeName}/${ZoneIdentity.method.certify.name}`

/** PEM. */
export interface Certified {
  readonly certificate: string
  /** Whom to believe at global; '' for no change. */
  readonly authorities: string
}

const deadlineMs = 10_000

/**
 * Asks a global for a certificate.
 * @throws Problem `unauthenticated` or `forbidden` if it does not believe us, `missing` if it does not do such things (a
 *   Kuma), `unavailable` if it cannot be asked now
 */
export function askForCertificate(client: Client, metadata: Metadata, request: Uint8Array): Promise<Certified> {
  const body = Buffer.from(toBinary(CertifyRequestSchema, create(CertifyRequestSchema, { request })))
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + deadlineMs }
    client.makeUnaryRequest(certifyPath, asIs, asIs, body, metadata, options, (error, answer) => {
      if (error !== null) {
        const kind = kindOf[statusName(error.code)] ?? 'unavailable'
        reject(new Problem(kind, endedWords(error.details) || error.message, { cause: error }))
        return
      }
      try {
        const { certificate, authorities } = fromBinary(CertifyResponseSchema, answer ?? Buffer.alloc(0))
        resolve({ certificate, authorities })
      } catch (cause) {
        const why = (cause as Error).message
        const message = `global answered with something that is no certificate (${why}): is it a Holdfast, and of this version?`
        reject(new Problem('unavailable', message, { cause }))
      }
    })
  })
}

const kindOf: Readonly<Partial<Record<keyof typeof status, 'unauthenticated' | 'forbidden' | 'missing' | 'invalid'>>> =
  {
    UNAUTHENTICATED: 'unauthenticated',
    PERMISSION_DENIED: 'forbidden',
    UNIMPLEMENTED: 'missing',
    INVALID_ARGUMENT: 'invalid',
  }

/** Answers such a question, once the caller was let in. */
export async function answerCertify(
  call: ServerUnaryCall<Buffer, Buffer>,
  answer: sendUnaryData<Buffer>,
  certify: (request: Uint8Array) => Promise<Certified | LinkEnd>,
): Promise<void> {
  const refuse = ({ code, reason }: LinkEnd): void =>
    answer({ code: statusNumber(code), details: statusDetails(reason) })
  let request: Uint8Array
  try {
    request = fromBinary(CertifyRequestSchema, call.request).request
  } catch (error) {
    const reason = `the request for a certificate is not a CertifyRequest: ${(error as Error).message}`
    refuse({ code: 'INVALID_ARGUMENT', reason })
    return
  }
  const result = await certify(request)
  if ('code' in result) refuse(result)
  else answer(null, Buffer.from(toBinary(CertifyResponseSchema, create(CertifyResponseSchema, { ...result }))))
}
