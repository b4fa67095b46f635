import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { StubZone } from '@holdfast/bench'

// Zones with the product's runtime and stores in memory, driven over standard input: a line asked, a line answered.
const [count = '0', ...addresses] = process.argv.slice(2)
const lookEveryMs = 50

/** What each gets when it joins is told to all who are there: few are there until all have joined once. */
const joinAtOnce = 10

const zones = Array.from({ length: Number(count) }, (_, i) => new StubZone(`crowd-${i + 1}`, addresses))

async function join(): Promise<void> {
  for (let from = 0; from < zones.length; from += joinAtOnce) {
    const some = zones.slice(from, from + joinAtOnce)
    await Promise.all(some.map((zone) => zone.start()))
    // Blocks are asked for once a zone is proven; without them it would ask when all are there.
    while (!some.every((zone) => zone.isProven && zone.hasOwnBlocks)) await setTimeout(lookEveryMs)
    await Promise.all(some.map((zone) => zone.leave()))
  }
  for (const zone of zones) await zone.start()
}
join().catch((error: unknown) => {
  process.stderr.write(`crowd: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
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
