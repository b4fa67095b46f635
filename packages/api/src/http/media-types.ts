const json = 'application/json'

/** `application/json`, with parameters or without. */
export const isJson = (contentType: string | undefined): boolean =>
  contentType !== undefined && contentType.split(';')[0]?.trim().toLowerCase() === json

/** Whether an answer in JSON is acceptable; an absent header accepts anything. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true
  return accept.split(',').some((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    const refused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    return !refused && (range === '*/*' || range === 'application/*' || range === json)
  })
}

/** Server-sent events, said by name. */
export const acceptsEvents = (accept: string | undefined): boolean =>
  accept?.toLowerCase().includes('text/event-stream') === true
