import { describe, expect, test } from 'vitest'
import { ago, apiError, type Ran, run } from '../testing/run.js'

const golden = (name: string, { status, out, err }: Ran): void =>
  expect(`${out}${err}(${status})\n`).toBeGolden(`${name}.txt`)
const brake = { by: 'mesh-system:alice', since: ago(180), reason: 'its database moves' }
const pause = 'POST /_holdfast/zones/east/pause'
const readOnly = '/_holdfast/read-only'

describe('zone pause and resume', () => {
  test('with a reason, once, and again', async () => {
    const ran = await run(['zone', 'pause', 'east', '--reason', 'its database moves'], {
      answers: { [pause]: { zone: 'east', changed: true, paused: brake } },
    })
    golden('zone-pause', ran)
    expect(ran.asked).toEqual([[pause, { reason: 'its database moves' }]])
    const again = await run(['zone', 'pause', 'east'], {
      answers: { [pause]: { zone: 'east', changed: false, paused: brake } },
    })
    golden('zone-pause-again', again)
  })

  test('resumed, and what was not paused', async () => {
    for (const [name, changed] of [
      ['zone-resume', true],
      ['zone-resume-nothing', false],
    ] as const)
      golden(
        name,
        await run(['zone', 'resume', 'east'], {
          answers: { 'POST /_holdfast/zones/east/resume': { zone: 'east', changed, paused: null } },
        }),
      )
  })
})

describe('read-only', () => {
  test('on, off, show', async () => {
    golden(
      'read-only-on',
      await run(['read-only', 'on', '--reason', 'an upgrade'], {
        answers: { [`PUT ${readOnly}`]: { changed: true, readOnly: { ...brake, reason: 'an upgrade' } } },
      }),
    )
    golden(
      'read-only-off',
      await run(['read-only', 'off'], { answers: { [`DELETE ${readOnly}`]: { changed: true, readOnly: null } } }),
    )
    golden(
      'read-only-show',
      await run(['read-only', 'show'], { answers: { [`GET ${readOnly}`]: { readOnly: brake } } }),
    )
  })

  test('whoever writes meanwhile reads who has set it and how it ends', async () => {
    const said =
      'this control plane is read-only: alice has set that. Nothing was changed. "holdfastctl read-only off" ends it'
    golden(
      'read-only-refused',
      await run(['zone', 'undrain', 'east', '--yes'], {
        answers: {
          'GET /zones/east': { type: 'Zone', name: 'east', enabled: false },
          'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1': { total: 0, items: [] },
          'GET /_holdfast/sync': { peers: [] },
          'PUT /zones/east': apiError(423, 'Read-only', said),
        },
      }),
    )
  })
})

describe('zone drain', () => {
  const zone = { type: 'Zone', name: 'east', enabled: true }
  const down = (revision: number, inStep = true) => ({ channel: 'down', inStep, cursor: { revision } })
  const peers = (west: number) => [
    { peer: 'east', connected: true, channels: [down(1)] },
    { peer: 'west', connected: true, channels: [down(west)] },
    { peer: 'north', connected: true, kuma: true, channels: [{ ...down(0), cursor: null }] },
    { peer: 'south', connected: false, channels: [] },
  ]
  const answers = {
    'GET /zones/east': zone,
    'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1': { total: 12, items: [] },
    'PUT /zones/east': {},
    'GET /_holdfast/status': { head: { revision: 7 } },
  }

  test('tells first what would happen', async () => {
    const ran = await run(['zone', 'drain', 'east'], {
      answers: { ...answers, 'GET /_holdfast/sync': { peers: peers(6) } },
    })
    golden('zone-drain-plan', ran)
    expect(ran.asked.filter(([request]) => request.startsWith('PUT'))).toEqual([])
  })

  test('and waits until the others have stored it', async () => {
    let at = 5
    const ran = await run(['zone', 'drain', 'east', '--yes'], {
      answers: { ...answers, 'GET /_holdfast/sync': () => ({ peers: peers(at) }) },
      onWait: () => at++,
    })
    golden('zone-drain', ran)
    expect([at, ran.asked.find(([request]) => request.startsWith('PUT'))]).toEqual([
      7,
      ['PUT /zones/east', { ...zone, enabled: false }],
    ])
  })

  test('no longer than told, and then by whom it is not stored', async () => {
    golden(
      'zone-drain-late',
      await run(['zone', 'drain', 'east', '--yes', '--timeout', '0s'], {
        answers: { ...answers, 'GET /_holdfast/sync': { peers: peers(6) } },
      }),
    )
  })

  test('and back', async () => {
    const ran = await run(['zone', 'undrain', 'east', '--yes'], {
      answers: {
        ...answers,
        'GET /zones/east': { ...zone, enabled: false },
        'GET /_holdfast/sync': { peers: peers(7) },
      },
    })
    golden('zone-undrain', ran)
  })
})
