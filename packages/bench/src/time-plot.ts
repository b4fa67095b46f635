export interface TimeSeries {
  readonly what: string
  readonly points: readonly { readonly minute: number; readonly value: number }[]
}

/** One of several plots that have their time in common. */
export interface Panel {
  readonly title: string
  readonly logarithmic: boolean
  readonly series: readonly TimeSeries[]
}

const frame = { width: 760, panel: 210, left: 60, right: 190, top: 28, bottom: 26 }
const colours = ['#1b6ca8', '#c8553d', '#3c8d40', '#8a4fbe', '#c79100']

/** Panels below each other over the same minutes; each from nothing, or by decades. */
export function timePlotOf(title: string, panels: readonly Panel[]): string {
  const ends = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(({ minute }) => minute)))
  const minutes = Math.max(1, Math.ceil(Math.max(1, ...ends)))
  const height = panels.length * frame.panel + 16
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${height}" font-family="sans-serif" font-size="11" fill="#444">`,
    `<title>${title}</title>`,
    '<style>.grid{stroke:#ddd;fill:none}</style>',
    `<rect width="${frame.width}" height="${height}" fill="#fff"/>`,
    ...panels.flatMap((panel, i) => panelOf(panel, i * frame.panel, minutes)),
    `<text x="${(frame.left + frame.width - frame.right) / 2}" y="${height - 4}" text-anchor="middle">minutes</text>`,
    '</svg>\n',
  ].join('\n')
}

function panelOf({ title, logarithmic, series }: Panel, topY: number, minutes: number): readonly string[] {
  const values = series.flatMap(({ points }) => points.map(({ value }) => value))
  const scale = scaleOf(values, logarithmic)
  const [y0, y1] = [topY + frame.panel - frame.bottom, topY + frame.top]
  const x = (minute: number): number => frame.left + (minute / minutes) * (frame.width - frame.left - frame.right)
  const y = (value: number): number => y0 - scale.share(value) * (y0 - y1)
  const rightX = frame.width - frame.right
  return [
    `<text x="${frame.left}" y="${y1 - 10}" font-weight="bold">${title}</text>`,
    ...scale.ticks.map(
      (value) =>
        `<path d="M${frame.left} ${y(value).toFixed(1)}H${rightX}" class="grid"/>` +
        `<text x="${frame.left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${value}</text>`,
    ),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
      const minute = Math.round(share * minutes * 10) / 10
      return `<text x="${x(minute).toFixed(1)}" y="${y0 + 16}" text-anchor="middle">${minute}</text>`
    }),
    ...series.flatMap(({ what, points }, i) => {
      const colour = colours[i % colours.length]
      const at = points.map(({ minute, value }) => `${x(minute).toFixed(1)},${y(value).toFixed(1)}`)
      const legendY = y1 + 10 + i * 18
      return [
        `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
        `<path d="M${rightX + 14} ${legendY - 4}h18" stroke="${colour}" stroke-width="2"/>`,
        `<text x="${rightX + 38}" y="${legendY}">${what}</text>`,
      ]
    }),
  ]
}

interface Scale {
  readonly ticks: readonly number[]
  /** Of the height, for a value. */
  share(value: number): number
}

function scaleOf(values: readonly number[], logarithmic: boolean): Scale {
  const most = Math.max(1, ...values)
  if (!logarithmic) {
    const step = stepOf(most / 4)
    const end = Math.ceil(most / step) * step
    const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step)
    return { ticks, share: (value) => value / end }
  }
  const from = Math.floor(Math.log10(Math.max(1, Math.min(...values, most))))
  const to = Math.max(from + 1, Math.ceil(Math.log10(most)))
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))
  return { ticks, share: (value) => Math.max(0, (Math.log10(Math.max(value, 1)) - from) / (to - from)) }
}

/** The next of 1, 2, 5, 10, … */
function stepOf(least: number): number {
  const decade = 10 ** Math.floor(Math.log10(Math.max(1, least)))
  return decade * ([1, 2, 5, 10].find((each) => each * decade >= least) ?? 10)
}
