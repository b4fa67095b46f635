import { simulate } from './simulate.js'

const from = Number(process.argv[2] ?? 1),
  n = Number(process.argv[3] ?? 20)
const story = process.argv[4] === 'story'
const t0 = performance.now()
const laws = new Map<string, number>()
for (let seed = from; seed < from + n; seed++) {
  const o = simulate({ seed, zones: 3, ...(story ? { story: (l: string) => console.log(l) } : {}) })
  if (o.violation) {
    const k = o.violation.law
    laws.set(k, (laws.get(k) ?? 0) + 1)
    if ((laws.get(k) ?? 0) <= 3)
      console.log(seed, o.violation.law, o.violation.step, o.violation.atMs, o.violation.message.slice(0, 600))
  } else if (n <= 40) console.log(seed, 'ok', o.steps, o.virtualMs, JSON.stringify(o.counts))
}
console.log([...laws], n, 'seeds', Math.round((n / ((performance.now() - t0) / 1000)) * 10) / 10, '/s')
