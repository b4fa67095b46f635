import { type PlacedMessage, placedText } from '@holdfast/model'
import { ApiFailure } from '../api.js'
import type { InputResource } from '../input/resources.js'
import { CliError } from '../io.js'

/** What the control plane says of `items[3].spec` is said of the place in the file from which it came. */
export function withPlaces(error: unknown, resources: readonly InputResource[], done = 'nothing was applied'): unknown {
  if (!(error instanceof ApiFailure)) return error
  if (error.body === undefined || error.body.fields.length === 0) {
    const hint = error.httpStatus === 413 ? '; --batch sends them in several transactions' : ''
    return new CliError(`${error.message}\n${done}${hint}`, { cause: error })
  }
  const { title, detail, fields } = error.body
  const lines = fields.map(({ field, reason }) => {
    const [, index, path = ''] = /^items\[(\d+)\]\.?(.*)$/.exec(field) ?? []
    const resource = index === undefined ? undefined : resources[Number(index)]
    if (resource === undefined) return `* ${field}: ${reason}`
    const what = `${resource.type.name} ${JSON.stringify(resource.object.name)}`
    const message: PlacedMessage = {
      ...resource.place(path),
      message: path === '' ? `${what}: ${reason}` : `${what}: ${path}: ${reason}`,
    }
    return placedText(message)
  })
  return new CliError(`${title} (${detail.trim()}), ${done}:\n${lines.join('\n')}`, { cause: error })
}
