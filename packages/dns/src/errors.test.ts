import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headLine, recall } from './feed/journal.js'
import { servingProblem } from './table/names.js'
import { ZoneDns } from './zone-dns.js'

// Why answers of before are not taken up again, and why a name cannot be served, in one file. A test of the testkit reads off the
// source what there is.

const reasonOf = (text: string): string => {
  const recalled = recall(text, 'east')
  return recalled.outcome === 'useless' ? recalled.reason : 'nothing'
}
/** A whole line, of a program that writes another format. */
const newer = JSON.stringify({ is: 'head', format: 2, zone: 'east' })
const long = 'x'.repeat(64)

/** Of a DNS that listens before its control plane has a store. */
async function unread(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-errors-'))
  const dns = await ZoneDns.start({
    ...{ zone: 'east', address: '127.0.0.1', port: 0, upstreams: [], mark: 'test', dataDir, nowMs: () => 0 },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  })
  const { reason = 'nothing' } = dns.standing()
  await dns.close()
  rmSync(dataDir, { recursive: true })
  return reason
}

const cases: readonly (readonly [what: string, said: string])[] = [
  ['a file that is another', reasonOf('x\n')],
  ['a file of another format', reasonOf(`${hash('sha256', newer).slice(0, 16)} ${newer}\n`)],
  ['a file of another zone', reasonOf(headLine('west'))],
  ['a file that was torn at once', reasonOf(headLine('east'))],
  ['a zone whose store was not read yet', await unread()],
  ['a name with a label that is too long', servingProblem(`${long}.mesh`) ?? 'nothing'],
  ['a name that is too long', servingProblem(`${'a.'.repeat(130)}mesh`) ?? 'nothing'],
]

test('why something is not served is said as it stands in the golden file', () => {
  const printed = `${cases.map(([what, said]) => `# ${what}\n${said}`).join('\n\n')}\n`
  expect(printed).toBeGolden('errors.txt')
  expect(printed).not.toMatch(/^nothing$/m)
})
