import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Settings } from '../config/settings.js'
import { readTlsFiles } from '../identity/tls-files.js'
import { bad, doubtful, type Finding, fine } from './finding.js'

const soonMs = 14 * 24 * 3_600_000

/** What this control plane shows and believes, as far as it stands in files. */
export async function lookAtCertificates(
  role: 'global' | 'zone',
  settings: Settings,
  nowMs: number,
): Promise<readonly Finding[]> {
  const pairs = [
    ['KDS', settings.kdsTlsCertFile, settings.kdsTlsKeyFile],
    ['API', settings.apiTlsCertFile, settings.apiTlsKeyFile],
  ] as const
  const found: Finding[] = []
  for (const [what, certFile, keyFile] of pairs) {
    if (certFile === undefined || keyFile === undefined) continue
    try {
      const { cert } = await readTlsFiles({ certFile, keyFile }, nowMs)
      found.push(judged(what, certFile, cert, nowMs))
    } catch (error) {
      found.push(bad('certificates', (error as Error).message, `replace it: it is what ${what} clients are shown`))
    }
  }
  if (role === 'zone') found.push(...(await zoneFindings(settings, nowMs)))
  return found.length > 0
    ? found
    : [fine('certificates', 'none in files: the built-in authority makes and renews them')]
}

function judged(what: string, file: string, pem: Buffer | string, nowMs: number): Finding {
  const leaf = new X509Certificate(pem)
  const leftMs = Date.parse(leaf.validTo) - nowMs
  const says = `${what}: ${file} is good until ${leaf.validTo}`
  return leftMs < soonMs
    ? doubtful('certificates', says, 'replace the files now: they are read again when they change')
    : fine('certificates', says)
}

/** What the zone has got with its join bundle; it renews it by itself at half its life, while it reaches global. */
async function zoneFindings({ dataDir, globalAddresses }: Settings, nowMs: number): Promise<readonly Finding[]> {
  const file = join(dataDir, 'zone-identity.json')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return globalAddresses.some((address) => address.startsWith('grpcs:'))
      ? [doubtful('certificates', `no proof of this zone in ${file} yet`, 'start it with --join FILE from zone add')]
      : []
  }
  try {
    const { certificate } = JSON.parse(text) as { readonly certificate: string }
    const leaf = new X509Certificate(certificate)
    const [fromMs, toMs] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
    const says = `this zone's certificate is good until ${leaf.validTo}`
    if (toMs <= nowMs)
      return [bad('certificates', `this zone's certificate ended ${leaf.validTo}`, 'at global: holdfastctl zone add')]
    return nowMs > fromMs + (toMs - fromMs) * 0.6
      ? [doubtful('certificates', `${says} and should have been renewed by now`, 'does the zone reach global?')]
      : [fine('certificates', says)]
  } catch (error) {
    return [bad('certificates', `${file}: ${(error as Error).message}`, 'at global: holdfastctl zone add')]
  }
}
