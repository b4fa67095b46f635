import { expect, test } from 'vitest'
import { run } from './testing/run.js'

test.each([
  [[], 0, 'Usage: holdfastctl'],
  [['--help'], 0, 'Usage: holdfastctl'],
  [['get', '--help'], 0, 'Usage: holdfastctl get'],
  [['--version'], 0, '9.9.9\n'],
])('%j prints on standard output and is fine', async (args, status, out) => {
  const ran = await run(args)
  expect([ran.status, ran.out.startsWith(out), ran.err]).toEqual([status, true, ''])
})

test.each([
  [['frob'], "Error: unknown command 'frob'\n"],
  [['get'], "Error: missing required argument 'type'\n"],
  [['get', 'a', 'b', 'c'], "Error: too many arguments for 'get'. Expected 2 arguments but got 3.\n"],
  [
    ['get', 'meshes', '-o', 'xml'],
    "Error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, yaml, json.\n",
  ],
  [
    ['get', 'meshes', '--url', 'foo'],
    "Error: option '--url <url>' argument 'foo' is invalid. \"foo\" is no URL such as http://127.0.0.1:5681.\n",
  ],
])('%j is a mistake of usage', async (args, err) => {
  expect(await run(args)).toEqual({ status: 2, out: '', err, asked: [] })
})

test('the environment says where the control plane is, unless a flag does', async () => {
  const bad = await run(['get', 'meshes'], { env: { HOLDFAST_URL: 'bar' } })
  expect([bad.status, bad.err]).toEqual([2, 'Error: HOLDFAST_URL: "bar" is no URL such as http://127.0.0.1:5681\n'])
  const answers = { 'GET /meshes?size=1000': { items: [], next: null } }
  const fine = await run(['get', 'meshes', '--url', 'http://127.0.0.1:5681/'], {
    env: { HOLDFAST_URL: 'bar' },
    answers,
  })
  expect([fine.status, fine.asked]).toEqual([0, [['GET /meshes?size=1000']]])
})

test('what is no control plane', async () => {
  const page = { httpStatus: 200, body: 'a page' }
  const ran = await run(['get', 'meshes'], { answers: { 'GET /meshes?size=1000': page } })
  expect([ran.status, ran.err]).toEqual([
    1,
    'Error: http://127.0.0.1:5681/meshes?size=1000 did not answer in JSON; is it a control plane? Say another place with --url or HOLDFAST_URL\n',
  ])
  const other = await run(['get', 'meshes'], { answers: { 'GET /meshes?size=1000': 503 } })
  expect(other.err).toBe('Error: GET http://127.0.0.1:5681/meshes?size=1000: (503): 404: Page Not Found\n')
})
