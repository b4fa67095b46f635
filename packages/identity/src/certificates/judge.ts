import { X509Certificate } from 'node:crypto'
import { urisOf, zoneOfId } from '../zones/spiffe.js'
import { backdatedMs } from './issue.js'

/** What a zone's certificate was found to be. The reason is for the log. */
export type JudgedCertificate =
  | {
      readonly ok: true
      readonly zone: string
      readonly serial: string
      readonly issuedAtMs: number
      readonly expiresAtMs: number
    }
  | { readonly ok: false; readonly reason: string }

/**
 * Whether a certificate that TLS has seen the private key of makes its bearer a zone: signed by one of our authorities,
 * in its time, for the one name that stands in it.
 */
export function judgeZoneCertificate(
  raw: Uint8Array,
  rules: { readonly authorities: readonly string[]; readonly trustDomain: string; readonly nowMs: number },
): JudgedCertificate {
  const refused = (reason: string): JudgedCertificate => ({ ok: false, reason })
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(Buffer.from(raw))
  } catch {
    return refused('its certificate cannot be read')
  }
  const issuers = rules.authorities.map((pem) => new X509Certificate(pem))
  const issuer = issuers.find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey))
  if (issuer === undefined) return refused('its certificate was not signed by an authority of this installation')
  const [begins, ends] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  if (!(rules.nowMs < ends)) return refused(`its certificate has expired (${new Date(ends).toISOString()})`)
  if (!(rules.nowMs >= begins)) return refused('its certificate is not valid yet')
  if (certificate.ca) return refused('its certificate is that of an authority')
  const [id, ...more] = urisOf(certificate.subjectAltName).filter((uri) => uri.startsWith('spiffe://'))
  if (id === undefined || more.length > 0) return refused('its certificate must have exactly one SPIFFE ID')
  const zone = zoneOfId(rules.trustDomain, id)
  if (zone === undefined) return refused(`its certificate is for ${id}, which is no zone of ${rules.trustDomain}`)
  return {
    ok: true,
    zone,
    serial: certificate.serialNumber.toLowerCase(),
    issuedAtMs: begins + backdatedMs,
    expiresAtMs: ends,
  }
}
