import { readOnlyWords } from '@holdfast/store'
import type { ApiContext } from '../options.js'
import { ApiError } from './errors.js'
import { isDryRun } from './preconditions.js'
import type { ApiRequest, Route } from './route.js'

const locked = 423

/** While operators change nothing: 423 for whatever would, with who has set that and how it ends. */
export async function checkWritable(
  { store }: Pick<ApiContext, 'store'>,
  route: Pick<Route, 'method' | 'changes'>,
  request: ApiRequest,
): Promise<void> {
  if (route.method === 'GET' || route.changes === 'nothing') return
  if (isDryRun(request) || route.changes?.(request) === false) return
  const { readOnly } = await store.status()
  if (readOnly !== undefined) throw lockedError(readOnlyWords(readOnly))
}

export const lockedError = (detail: string): ApiError =>
  new ApiError('readOnly', 'Read-only', detail, [], undefined, locked)
