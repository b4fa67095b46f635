/** SPIFFE IDs of control planes: who a certificate speaks for, whatever address it is used at. */

export const globalId = (trustDomain: string): string => `spiffe://${trustDomain}/global`
export const zoneId = (trustDomain: string, zone: string): string => `spiffe://${trustDomain}/zone/${zone}`

/** Name of the zone in an ID of this trust domain; undefined for any other ID. */
export function zoneOfId(trustDomain: string, id: string): string | undefined {
  const prefix = `spiffe://${trustDomain}/zone/`
  const zone = id.startsWith(prefix) ? id.slice(prefix.length) : ''
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(zone) ? zone : undefined
}

/** URIs among the names of a certificate, as Node prints them (`URI:a, DNS:b`). */
export const urisOf = (subjectAltName: string | undefined): readonly string[] =>
  (subjectAltName ?? '')
    .split(', ')
    .flatMap((name) => (name.startsWith('URI:') ? [name.slice(4).replace(/^"(.*)"$/, '$1')] : []))
