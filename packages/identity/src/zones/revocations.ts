/**
 * Zones whose credentials of before a moment are void, one line each: `east 2026-11-29T04:00:00.000Z`. Certificates are
 * issued without being written down, so a zone is revoked as a whole; it joins again with a new bundle.
 */
export const zoneRevocationsName = 'holdfast-zone-revocations'

export type ZoneRevocations = ReadonlyMap<string, number>

export function parseZoneRevocations(data: Uint8Array): ZoneRevocations {
  const found = new Map<string, number>()
  for (const line of Buffer.from(data).toString('utf8').split('\n')) {
    const [zone = '', time = ''] = line.trim().split(/\s+/)
    const atMs = Date.parse(time)
    // A line that cannot be read must not let anybody in: all that the zone has ever got is void.
    if (zone !== '')
      found.set(zone, Math.max(found.get(zone) ?? 0, Number.isNaN(atMs) ? Number.POSITIVE_INFINITY : atMs))
  }
  return found
}

export const zoneRevocationsText = (revocations: ZoneRevocations): string =>
  [...revocations]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([zone, atMs]) => `${zone} ${Number.isFinite(atMs) ? new Date(atMs).toISOString() : 'always'}\n`)
    .join('')

export const withRevoked = (revocations: ZoneRevocations, zone: string, atMs: number): ZoneRevocations =>
  new Map([...revocations, [zone, Math.max(atMs, revocations.get(zone) ?? 0)]])
