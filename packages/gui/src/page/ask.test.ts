import { afterEach, expect, test, vi } from 'vitest'
import { createAsk, WhoAreYou } from './ask.js'

afterEach(() => vi.unstubAllGlobals())

const asked = async (status: number): Promise<Error> => {
  vi.stubGlobal('fetch', async () => new Response('{}', { status }))
  const error = await createAsk(() => 't')('/_holdfast/overview').catch((thrown: unknown) => thrown)
  expect([status, error]).toEqual([status, expect.any(Error)])
  return error as Error
}

test('why nothing is shown is said as it stands in the golden file', async () => {
  const told: string[] = []
  for (const [what, status] of [
    ['nobody who may look', 401],
    ['somebody who may not', 403],
    ['a control plane whose database is away', 503],
  ] as const) {
    const error = await asked(status)
    expect([what, error instanceof WhoAreYou]).toEqual([what, status < 500])
    told.push(`# ${what}\n${error.message}\n`)
  }
  expect(told.join('\n')).toBeGolden('errors.txt')
})
