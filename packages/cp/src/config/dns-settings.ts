import { isIP } from 'node:net'
import type { Upstream } from '@holdfast/dns'
import { invariant } from '@holdfast/model'
import { z } from 'zod'

const dnsPortOfUpstreams = 53

/** `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. A name would need DNS to be found. */
const split = (text: string): Upstream | undefined => {
  const [, bracketed, plain, port = String(dnsPortOfUpstreams)] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  return isIP(host) === 0 || Number(port) < 1 || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

export const dnsUpstreamsSchema = z.array(
  z
    .string()
    .refine(
      (text) => split(text) !== undefined,
      'must be a list of addresses such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53',
    ),
)

/** @param text as the schema has accepted it */
export function upstreamOf(text: string): Upstream {
  const upstream = split(text)
  invariant(upstream !== undefined, `the settings have let pass an upstream that is none: ${text}`)
  return upstream
}

export const dnsPortSchema = z.union(
  [z.number().int().min(0).max(65_535), z.literal('off')],
  'must be between 0 and 65535, or off',
)
