import { createInterface } from 'node:readline'
import { StubZone } from '@holdfast/bench'

// Zones with the product's runtime and stores in memory, driven over standard input: a line asked, a line answered.
const [count = '0', ...addresses] = process.argv.slice(2)
const lookEveryMs = 50

const zones = Array.from({ length: Number(count) }, (_, i) => new StubZone(`crowd-${i + 1}`, addresses))
for (const zone of zones) await zone.start()
const looking = setInterval(() => {
  for (const zone of zones) zone.look(0)
}, lookEveryMs)

async function answer(line: string): Promise<unknown> {
  const [what, name = '', origin = ''] = line.split(' ')
  switch (what) {
    case 'state':
      return {
        blocks: Math.min(...zones.map((zone) => zone.countOf('VipBlock'))),
        proven: zones.filter(({ isProven }) => isProven).length,
        sessions: zones.reduce((sum, { sessions }) => sum + sessions.length, 0),
        bytesOfLast: zones.reduce((sum, { sessions }) => sum + (sessions.at(-1)?.bytes ?? 0), 0),
      }
    case 'version': {
      const versions = await Promise.all(zones.map((zone) => zone.versionOf(name, origin)))
      return { oldest: Math.min(...versions.map((version) => version ?? 0)) }
    }
    default:
      return { error: `cannot do ${line}` }
  }
}

const lines = createInterface({ input: process.stdin })
for await (const line of lines) process.stdout.write(`${JSON.stringify(await answer(line))}\n`)
clearInterval(looking)
await Promise.allSettled(zones.map((zone) => zone.close()))
process.exit(0)
