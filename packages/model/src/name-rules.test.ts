import { expect, test } from 'vitest'
import { dns1035Problems, meshProblems, nameProblems, subdomainProblems } from './name-rules.js'

const rfc1123 =
  "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const dns1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
const kubernetesSubdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

test.each([
  ['web', []],
  ['web.shop', []],
  ['1web', []],
  ['', ['cannot be empty']],
  ['Web', [rfc1123]],
  ['web_1', [rfc1123]],
  ['-web', [rfc1123]],
  ['a..b', [rfc1123]],
  ['web\n', [rfc1123]],
  ['a'.repeat(253), []],
  ['a'.repeat(254), ['value length must less or equal 253']],
  [`-${'a'.repeat(254)}`, ['value length must less or equal 253', rfc1123]],
])('name %j', (name, reasons) => {
  expect(nameProblems(name)).toEqual(reasons)
})

test.each([
  ['default', []],
  ['my_mesh.1', []],
  ['', ['cannot be empty']],
  ['Mesh', ["invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."]],
])('mesh %j', (mesh, reasons) => {
  expect(meshProblems(mesh)).toEqual(reasons)
})

test.each([
  ['web', []],
  ['a'.repeat(63), []],
  ['', [dns1035]],
  ['1web', [dns1035]],
  ['web.shop', [dns1035]],
  ['a'.repeat(64), ['must be no more than 63 characters']],
  ['1'.repeat(64), ['must be no more than 63 characters', dns1035]],
])('DNS label %j', (name, reasons) => {
  expect(dns1035Problems(name)).toEqual(reasons)
})

test.each([
  ['example.com', []],
  ['A_name', [kubernetesSubdomain]],
  ['a'.repeat(254), ['must be no more than 253 bytes']],
])('DNS name %j', (name, reasons) => {
  expect(subdomainProblems(name)).toEqual(reasons)
})
