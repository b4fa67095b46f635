import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readDatabaseFacts } from '@holdfast/store'
import { maskUrl } from '../config/resolve.js'
import type { Settings } from '../config/settings.js'
import { lookAtCertificates } from '../doctor/certificates.js'
import { judgeDatabase } from '../doctor/database.js'
import { bad, doubtful, type Finding, fine } from '../doctor/finding.js'
import { lookAtRedis } from '../doctor/redis.js'
import { judgeStore } from '../doctor/store.js'
import { programVersion } from '../version.js'
import { joined } from './join.js'
import { checkPorts } from './ports.js'

export type DoctorOutput = 'text' | 'json'

/**
 * `holdfast doctor ROLE`: looks at everything that a control plane needs, with the settings that it would have, and writes
 * nothing, whether or not it runs.
 * @returns exit status 0, or 3 if something is doubtful or bad
 */
export async function doctor(
  role: 'global' | 'zone',
  given: Settings,
  output: DoctorOutput,
  write: (text: string) => void = (text) => process.stdout.write(text),
): Promise<number> {
  const nowMs = Date.now()
  const { settings, found: ofBundle } = await withBundle(given)
  const findings: readonly Finding[] = [
    fine('program', `holdfast ${programVersion} on Node ${process.versions.node}, as ${role}`),
    ...nodeFindings(process.versions.node),
    ...ofBundle,
    ...(await databaseFindings(role, settings, nowMs)),
    ...(await lookAtRedis(settings.redisUrl)),
    ...(await lookAtCertificates(role, settings, nowMs)),
    ...(await portFindings(role, settings)),
  ]
  const isWell = findings.every(({ level }) => level === 'fine')
  write(output === 'json' ? `${JSON.stringify({ ok: isWell, findings }, null, 2)}\n` : textOf(findings))
  return isWell ? 0 : 3
}

/** Which zone this is, and where it dials, may stand in its join bundle alone. */
async function withBundle(
  given: Settings,
): Promise<{ readonly settings: Settings; readonly found: readonly Finding[] }> {
  try {
    return { settings: (await joined(given)).settings, found: [] }
  } catch (error) {
    const next =
      'holdfastctl zone add ZONE at global makes a new one; a zone that has joined needs none, and its --data-dir'
    return { settings: given, found: [bad('bundle', (error as Error).message, next)] }
  }
}

export function nodeFindings(version: string): readonly Finding[] {
  const major = Number(version.split('.')[0])
  return major >= 22
    ? []
    : [doubtful('program', `Node ${major} gets no more fixes`, 'run it on Node 24, as the image does')]
}

async function databaseFindings(
  role: 'global' | 'zone',
  settings: Settings,
  nowMs: number,
): Promise<readonly Finding[]> {
  const { databaseUrl } = settings
  if (databaseUrl === undefined) return [embeddedFinding(settings)]
  try {
    const facts = await readDatabaseFacts(databaseUrl)
    const name = role === 'global' ? '' : settings.zone
    // Whoever answers late has not a wrong clock for it.
    const passedMs = Date.now() - nowMs
    return [
      ...judgeDatabase(facts, nowMs + passedMs, settings.redisUrl !== undefined),
      ...judgeStore(facts, { role, name, programVersion }),
    ]
  } catch (error) {
    const words = (error as Error).message || String(error)
    return [
      bad(
        'database',
        `${maskUrl(databaseUrl)}: ${words}`,
        'is it running, and are host, port, user, password and database in --database-url right?',
      ),
    ]
  }
}

/** The embedded database runs only while its control plane does, and looking at it must not start it. */
function embeddedFinding({ dataDir }: Settings): Finding {
  const folder = join(dataDir, 'postgres')
  if (!existsSync(folder)) return fine('database', `embedded: made under ${folder} at the first start`)
  return fine('database', `embedded: ${folder} is there; the control plane itself checks it when it starts it`)
}

/** Taken by a control plane that runs already, they are as they should be. */
async function portFindings(role: 'global' | 'zone', settings: Settings): Promise<readonly Finding[]> {
  try {
    await checkPorts(role, settings)
    return [fine('ports', 'all are free')]
  } catch (error) {
    const { apiAddress, apiPort } = settings
    const url = `http://${apiAddress.includes(':') ? `[${apiAddress}]` : apiAddress}:${apiPort}/`
    if (await isOurs(url)) return [fine('ports', `a control plane runs already: it answers at ${url}`)]
    const lines = (error as Error).message.split('\n').map((line) => line.trim())
    return lines.map((line) => bad('ports', line, 'free it, or choose another one; 0 takes any that is free'))
  }
}

async function isOurs(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    const { version } = (await answer.json()) as { readonly version?: unknown }
    return typeof version === 'string' && version.includes('holdfast')
  } catch {
    return false
  }
}

const marks = { fine: 'ok', doubtful: 'look', bad: 'BAD' } as const

/** One finding, and below it what to do. @param width of what they are about */
export const findingText = ({ about, level, says, next }: Finding, width = about.length): string =>
  [
    `${marks[level].padEnd(4)}  ${about.padEnd(width)}  ${says}`,
    ...(next === undefined ? [] : [`${' '.repeat(width + 8)}→ ${next}`]),
  ].join('\n')

function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length))
  const lines = findings.map((each) => findingText(each, width))
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length
  const [doubtfulOnes, badOnes] = [count('doubtful'), count('bad')]
  const sum =
    doubtfulOnes + badOnes === 0 ? 'nothing to do' : `${badOnes} bad, ${doubtfulOnes} to look at; exit status 3`
  return [...lines, sum, ''].join('\n')
}
