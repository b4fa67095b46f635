/** Rules for names, with the reasons in the words that Kuma's API gives. A rule returns every reason, or none. */
export type Reasons = readonly string[]

const subdomainPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const dns1035Pattern = '[a-z]([-a-z0-9]*[a-z0-9])?'
const subdomain = new RegExp(`^${subdomainPattern}$`)
const dns1035 = new RegExp(`^${dns1035Pattern}$`)
const meshName = /^[0-9a-z._-]*$/

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8')

/** Names of all resources: an RFC 1123 subdomain of at most 253 bytes. */
export function nameProblems(name: string): Reasons {
  if (name === '') return ['cannot be empty']
  return [
    ...(bytesOf(name) > 253 ? ['value length must less or equal 253'] : []),
    ...(subdomain.test(name)
      ? []
      : [
          "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        ]),
  ]
}

/** Value of the field `mesh` of a resource that lives in one. */
export function meshProblems(mesh: string): Reasons {
  if (mesh === '') return ['cannot be empty']
  return [
    ...(bytesOf(mesh) > 253 ? ['value length must less or equal 253'] : []),
    ...(meshName.test(mesh)
      ? []
      : ["invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."]),
  ]
}

/** Names that become labels of hostnames: Mesh, Zone and the three kinds of services. */
export function dns1035Problems(name: string): Reasons {
  return [
    ...(bytesOf(name) > 63 ? ['must be no more than 63 characters'] : []),
    ...(dns1035.test(name)
      ? []
      : [
          `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${dns1035Pattern}')`,
        ]),
  ]
}

/** DNS names and label prefixes: RFC 1123 subdomain, in the words of Kubernetes. */
export function subdomainProblems(name: string): Reasons {
  return [
    ...(bytesOf(name) > 253 ? ['must be no more than 253 bytes'] : []),
    ...(subdomain.test(name)
      ? []
      : [
          `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomainPattern}')`,
        ]),
  ]
}

/** Types whose display name must be a DNS-1035 label, because hostnames are made of it. */
export const dns1035Types: ReadonlySet<string> = new Set([
  'Mesh',
  'Zone',
  'MeshService',
  'MeshExternalService',
  'MeshMultiZoneService',
])
