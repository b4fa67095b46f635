import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { JoinBundle } from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import type { Settings } from '../config/settings.js'
import { keptIdentity, readJoinFile } from '../identity/zone-identity.js'

/**
 * Settings of a zone with what its join bundle says: its name and where to dial, unless that was said otherwise. A zone
 * that has joined goes on without the file.
 * @throws Problem `invalid` if the bundle cannot be used, or is another zone's
 */
export async function joined(
  settings: Settings,
): Promise<{ readonly settings: Settings; readonly bundle?: JoinBundle | undefined }> {
  const { joinFile, dataDir } = settings
  if (joinFile === undefined) return { settings }
  const kept = existsSync(joinFile) ? undefined : await keptIdentity(dataDir)
  const bundle = kept === undefined ? await readJoinFile(joinFile) : undefined
  const { zone, addresses } = kept ?? bundle ?? { zone: '', addresses: [] }
  if (settings.zone !== '' && settings.zone !== zone)
    throw new Problem(
      'invalid',
      `${kept === undefined ? `the join bundle ${joinFile}` : `what ${join(dataDir, 'zone-identity.json')} says`} is for zone ${zone}, and this is zone ${settings.zone}: leave --zone out, or make a bundle for ${settings.zone}`,
    )
  const globalAddresses = settings.globalAddresses.length > 0 ? settings.globalAddresses : addresses
  return { settings: { ...settings, zone, globalAddresses }, bundle }
}
