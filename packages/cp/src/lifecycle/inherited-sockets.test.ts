import { expect, test } from 'vitest'
import { inheritedSockets } from './inherited-sockets.js'

const env = (fds: string, names?: string) => ({
  LISTEN_PID: '7',
  LISTEN_FDS: fds,
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
})

test('sockets by name, from the third descriptor on; none where none was handed over, or to another process', () => {
  expect(inheritedSockets(env('2', 'kds:api'), 7)).toEqual({ kds: 3, api: 4 })
  expect([inheritedSockets({}, 7), inheritedSockets(env('2', 'kds:api'), 8), inheritedSockets(env('0'), 7)]).toEqual([
    {},
    {},
    {},
  ])
})

test('a socket that nobody would listen on is told, with what to do', () => {
  expect(() => inheritedSockets(env('1'), 7)).toThrow(
    /socket named "": its unit must say FileDescriptorName= with one of api,/,
  )
  expect(() => inheritedSockets(env('1', 'holdfast.socket'), 7)).toThrow(/socket named "holdfast.socket"/)
  expect(() => inheritedSockets(env('2', 'api:api'), 7)).toThrow(/two sockets named api/)
})
