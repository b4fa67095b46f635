import type { Held } from './allocate.js'
import { type Owner, ownerWords, sameOwner } from './owner.js'

export type Verdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'same' }
  | { readonly verdict: 'refuse'; readonly reason: string; readonly remembered: string | undefined }

/**
 * Whether an address that somebody says of an owner may enter our ledger, in which we are a witness. Another address at an equal
 * or lower generation is refused whoever says it, tombstones included: so an owner's address survives the loss of the
 * ledger that gave it (VIP-2), and nobody gets what another has (VIP-1).
 * @param known what we have of the owner in this family
 * @param holder who has the address, as far as we know
 */
export function judgeReceived(
  owner: Owner,
  said: { readonly address: string; readonly generation: number },
  known: Held | undefined,
  holder: Held | undefined,
): Verdict {
  const refuse = (reason: string): Verdict => ({ verdict: 'refuse', reason, remembered: known?.address })
  if (holder !== undefined && !sameOwner(holder, owner))
    return refuse(
      `${said.address} belongs to ${ownerWords(holder)}${holder.state === 'tombstoned' ? ', which was deleted; it rests' : ''}`,
    )
  if (known === undefined) return { verdict: 'accept' }
  if (said.generation < known.generation)
    return refuse(
      `${known.address} is remembered at generation ${known.generation}; ${said.address} comes at ${said.generation}, which is older`,
    )
  if (said.address === known.address) return { verdict: said.generation === known.generation ? 'same' : 'accept' }
  if (said.generation > known.generation) return { verdict: 'accept' }
  return refuse(
    `${known.address} is remembered at generation ${known.generation}, and ${said.address} comes at the same one`,
  )
}
