import { expect, test } from 'vitest'
import { columns, type Row } from './row.js'
import { rows } from './rows/index.js'
import { runRows } from './run.js'
import { deleteService, putService } from './stand/plane.js'

// A small part of `pnpm faults`, so that its stand does not rot: one row as it is, and one that has to be found out.
const shapeOf = (row: Row): Row['shape'] => ({ ...row.shape, globals: 1, redis: false })

test('a link is reset: the row holds; and a row whose fault takes a service away is told to be wrong in all that it breaks', async () => {
  const [link] = rows.filter(({ id }) => id === 'F01')
  if (link === undefined) throw new Error('there is no row F01')
  const planted: Row = {
    ...link,
    id: 'planted',
    run: async (turn) => {
      const { stand, watch } = turn
      const east = stand.zone('east')
      await deleteService(east, 'steady-east-1')
      await turn.until('its client to see it', () => (watch.clients.get('east')?.wrong.length ?? 0) > 0)
      await putService(east, 'steady-east-1')
      return { figures: [] }
    },
  }
  const said: string[] = []
  const reports = await runRows({
    rows: [link, planted].map((row) => ({ ...row, shape: shapeOf(row) })),
    ...{ patience: 20, full: false, changesPerSecond: 20, signal: AbortSignal.timeout(400_000) },
    previous: () => Promise.reject(new Error('not needed')),
    say: (text) => said.push(text),
  })
  const told = reports.map((report) => ({
    id: report.id,
    ok: report.ok,
    failure: report.failure,
    wrong: columns.filter((column) => report.cells[column].holds === false),
  }))
  expect(told, said.join('\n')).toEqual([
    { id: 'F01', ok: true, failure: undefined, wrong: [] },
    { id: 'planted', ok: false, failure: undefined, wrong: expect.arrayContaining(['W', 'L']) },
  ])
}, 450_000)
