import type { Series } from './growth.js'

const frame = { width: 760, height: 420, left: 60, right: 300, top: 20, bottom: 40 }
const colours = ['#1b6ca8', '#c8553d', '#3c8d40', '#8a4fbe', '#c79100', '#5b6770', '#00838f', '#ad1457', '#558b2f']

const decades = (values: readonly number[]): readonly [number, number] => [
  Math.floor(Math.log10(Math.min(...values))),
  Math.max(Math.ceil(Math.log10(Math.max(...values))), Math.floor(Math.log10(Math.min(...values))) + 1),
]

/** Both axes by decades: what does not grow is a flat line, what grows with N one that rises as the grid does. */
export function plotOf(all: readonly Series[]): string {
  const drawn = all.filter(({ points }) => points.length > 1 && points.every(({ n, value }) => n > 0 && value > 0))
  const points = drawn.flatMap((series) => series.points)
  if (points.length === 0) return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>\n'
  const [x0, x1] = decades(points.map(({ n }) => n))
  const [y0, y1] = decades(points.map(({ value }) => value))
  const x = (n: number): number =>
    frame.left + ((Math.log10(n) - x0) / (x1 - x0)) * (frame.width - frame.left - frame.right)
  const y = (value: number): number =>
    frame.height - frame.bottom - ((Math.log10(value) - y0) / (y1 - y0)) * (frame.height - frame.top - frame.bottom)
  const between = (from: number, to: number): readonly number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))
  const grid = [
    ...between(x0, x1).map(
      (n) =>
        `<path d="M${x(n)} ${y(10 ** y0)}V${y(10 ** y1)}" class="grid"/>` +
        `<text x="${x(n)}" y="${frame.height - 18}" text-anchor="middle">${labelOf(n)}</text>`,
    ),
    ...between(y0, y1).map(
      (v) =>
        `<path d="M${x(10 ** x0)} ${y(v)}H${x(10 ** x1)}" class="grid"/>` +
        `<text x="${frame.left - 8}" y="${y(v) + 4}" text-anchor="end">${labelOf(v)}</text>`,
    ),
  ]
  const lines = drawn.map(({ what, points: of }, i) => {
    const colour = colours[i % colours.length]
    const at = of.map(({ n, value }) => `${x(n).toFixed(1)},${y(value).toFixed(1)}`)
    const legendY = frame.top + 14 + i * 20
    const dash = i >= colours.length ? ' stroke-dasharray="5 3"' : ''
    return (
      `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>` +
      `<path d="M${frame.width - frame.right + 16} ${legendY - 4}h18" stroke="${colour}" stroke-width="2"${dash}/>` +
      `<text x="${frame.width - frame.right + 40}" y="${legendY}">${what}</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame.width} ${frame.height}" font-family="sans-serif" font-size="11" fill="#444">`,
    '<title>Figures over the number of services, both by decades</title>',
    '<style>.grid{stroke:#ddd;fill:none}</style>',
    `<rect width="${frame.width}" height="${frame.height}" fill="#fff"/>`,
    ...grid,
    ...lines,
    `<text x="${(frame.left + frame.width - frame.right) / 2}" y="${frame.height - 2}" text-anchor="middle">services</text>`,
    '</svg>\n',
  ].join('\n')
}

const labelOf = (value: number): string =>
  value >= 1 ? String(value).replace(/\B(?=(\d{3})+$)/g, ',') : String(Number(value.toPrecision(3)))
