import { Problem } from '@holdfast/model'
import { expect, test } from 'vitest'
import { grpcTarget, type KdsAddress, parseKdsAddress } from './kds-address.js'

const good: readonly (readonly [string, KdsAddress, string])[] = [
  ['grpc://global.example:5685', { secure: false, host: 'global.example', port: 5685 }, 'dns:global.example:5685'],
  ['grpcs://10.0.0.1:1', { secure: true, host: '10.0.0.1', port: 1 }, 'ipv4:10.0.0.1:1'],
  ['grpcs://[::1]:65535/', { secure: true, host: '::1', port: 65535 }, 'ipv6:[::1]:65535'],
]

test.each(good)('%s', (text, address, target) => {
  expect(parseKdsAddress(text)).toEqual(address)
  expect(grpcTarget(address)).toBe(target)
})

const bad: readonly (readonly [string, readonly string[]])[] = [
  ['', ['scheme', 'host', 'port']],
  ['global:5685', ['scheme']],
  ['http://global', ['scheme', 'port']],
  ['grpc://:0', ['host', 'port']],
  ['grpc://a b:70000/path', ['host', 'port', 'path']],
  ['grpc://[nonsense]:5685', ['host']],
  ['grpc://::1:5685', ['host']],
  ['grpc://user@global:5685?x', ['user', 'path']],
  ['grpc://global:5685x', ['port']],
]

test.each(bad)('"%s" is refused with everything that is wrong', (text, paths) => {
  try {
    parseKdsAddress(text)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(Problem)
    if (error instanceof Problem) {
      expect(error.violations.map(({ path }) => path)).toEqual(paths)
      expect(error.message).toContain(`address of global "${text}"`)
    }
  }
})
