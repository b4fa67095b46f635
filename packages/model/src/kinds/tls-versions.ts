import { z } from 'zod'
import { type Finding, refused } from './finding.js'

const versions = ['TLSAuto', 'TLS10', 'TLS11', 'TLS12', 'TLS13'] as const
const version = z.enum(versions).default('TLSAuto')

/** Lowest and highest version of TLS. */
export const tlsVersions = z.looseObject({ min: version, max: version })

export function* tlsVersionFindings(path: string, { min, max }: z.infer<typeof tlsVersions>): Iterable<Finding> {
  if (max !== 'TLSAuto' && versions.indexOf(min) > versions.indexOf(max))
    yield refused(`${path}.min`, 'min version must be lower than max')
}
