import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { hasEnded, ownPlace } from './place.js'

const inProc = process.platform === 'linux'

test.runIf(inProc)('a process is there while it is there, also while it stands still', async () => {
  const place = ownPlace()
  expect([place.split('/')[2], hasEnded(place)]).toEqual([String(process.pid), false])
  const child = spawn('sleep', ['60'])
  await new Promise((resolve) => child.once('spawn', resolve))
  const started = await childPlace(child.pid ?? 0, place)
  expect(hasEnded(started)).toBe(false)
  child.kill('SIGSTOP')
  expect(hasEnded(started)).toBe(false)
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
  expect(hasEnded(started)).toBe(true)
})

test.runIf(inProc)('of another machine, another boot, or a place that is none nothing is concluded', () => {
  const [boot, namespace, pid, started] = ownPlace().split('/')
  const gone = '4194303'
  expect(hasEnded(`${boot}/${namespace}/${gone}/1`)).toBe(true)
  expect(hasEnded(`${boot}/${namespace}/${pid}/${Number(started) + 1}`)).toBe(true)
  expect(hasEnded(`another/${namespace}/${gone}/1`)).toBe(false)
  expect(hasEnded(`${boot}/1/${gone}/1`)).toBe(false)
  expect([hasEnded(''), hasEnded('x'), hasEnded('a/b/c/d')]).toEqual([false, false, false])
})

/** As the child would say it itself. */
async function childPlace(pid: number, ours: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const started = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ')[19]
  return [...ours.split('/').slice(0, 2), pid, started].join('/')
}
