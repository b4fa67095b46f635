import type { Gate, Section } from './report.js'

export interface Series {
  readonly what: string
  readonly points: readonly { readonly n: number; readonly value: number }[]
  /** A count that may not grow with N: its exponent is held to `flatMax`. Undefined: a time, or what may grow. */
  readonly flat: boolean
}

/** A number that is written with a digit more is a byte more: no growth. */
const flatMax = 0.02

/** The slope of a line through the logarithms, by least squares: value ~ N to this power. Undefined below two points. */
export function exponentOf(points: Series['points']): number | undefined {
  const logs = points.flatMap(({ n, value }) => (n > 0 && value > 0 ? [{ x: Math.log(n), y: Math.log(value) }] : []))
  const mean = (of: 'x' | 'y'): number => logs.reduce((sum, p) => sum + p[of], 0) / logs.length
  const [x, y] = [mean('x'), mean('y')]
  const spread = logs.reduce((sum, p) => sum + (p.x - x) ** 2, 0)
  return logs.length < 2 || spread === 0 ? undefined : logs.reduce((sum, p) => sum + (p.x - x) * (p.y - y), 0) / spread
}

const inPower = (exponent: number | undefined): string => (exponent === undefined ? '–' : exponent.toFixed(3))

export function growthSection(all: readonly Series[]): Section {
  const fitted = all.map((series) => ({ ...series, exponent: exponentOf(series.points) }))
  return {
    id: 'growth',
    title: 'Growth: each figure as a power of the number of services',
    columns: ['what', 'from', 'to', 'exponent'],
    rows: fitted.map(({ what, points, exponent }) => [
      what,
      pointText(points[0]),
      pointText(points.at(-1)),
      inPower(exponent),
    ]),
    notes: [],
    gates: fitted.flatMap(({ what, flat, exponent }): Gate[] =>
      flat && exponent !== undefined
        ? [{ what: `exponent of ${what}`, limit: `≤ ${flatMax}`, found: inPower(exponent), ok: exponent <= flatMax }]
        : [],
    ),
    figures: fitted,
  }
}

const pointText = (point: Series['points'][number] | undefined): string =>
  point === undefined ? '–' : `${Math.round(point.value * 10) / 10} at ${point.n}`
