import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { closing } from './testing/closing.js'
import { startGlobal } from './testing/mesh.js'
import { programs } from './testing/process.js'

const { own, closes } = closing()

/** A global whose answer to a list that it is given is held back until it may go. */
async function slowGlobal() {
  const global = own(await startGlobal())
  const held: (() => void)[] = []
  let done = (): void => undefined
  const isDone = new Promise<void>((resolve) => {
    done = resolve
  })
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const said = await global.api.inject({
      method: request.method as 'GET',
      url: request.url ?? '/',
      headers: { ...request.headers, host: 'localhost' },
      payload: Buffer.concat(chunks),
    })
    const answer = (): void => {
      const type = String(said.headers['content-type'])
      response.writeHead(said.statusCode, { 'content-type': type }).end(said.rawPayload)
    }
    if (request.method !== 'POST') return answer()
    held.push(answer)
    done()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closes(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isDone,
    answer: () => {
      for (const answer of held.splice(0)) answer()
    },
  }
}

function applied(url: string) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-interrupted-'))
  closes(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'mesh.yaml')
  writeFileSync(file, 'type: Mesh\nname: shop\n')
  const child = spawn(process.execPath, [programs.holdfastctl, '--no-config', '--url', url, 'apply', '-f', file])
  closes(() => child.kill('SIGKILL'))
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)))
  const ended = new Promise<{ readonly status: number | null; readonly signal: string | null; readonly said: string }>(
    (resolve) => child.once('close', (status, signal) => resolve({ status, signal, said: said.join('') })),
  )
  return { child, ended }
}

test('an apply that is interrupted while it is being done says what became of it, however often it is told at once', async () => {
  const global = await slowGlobal()
  const { child, ended } = applied(global.url)
  await global.isDone
  child.kill('SIGINT')
  child.kill('SIGTERM')
  global.answer()
  expect(await ended).toMatchObject({ signal: null, said: expect.stringContaining('Mesh "shop" created') })
})

test('whoever means it tells it again: it ends at once, and nothing is said of what is not known', async () => {
  const global = await slowGlobal()
  const { child, ended } = applied(global.url)
  await global.isDone
  const again = setInterval(() => child.kill('SIGINT'), 50)
  closes(() => clearInterval(again))
  expect(await ended).toEqual({ status: null, signal: 'SIGINT', said: '' })
})
