import { AppaloftError, type FenceOptions } from '@appaloft/core/spec'
import { EngineError } from './api/client.js'
import { type Engine, orNull } from './api/engine.js'
import { type Claim, claimsAmong, signsAmong } from './claims.js'
import { label, type Names, renamed, tokenOf } from './names.js'

/*
 * The engine compares nothing for us, but of two that create a volume of one name the first decides its labels. So the holder that comes
 * after the token N claims the volume `…fence.after.N`, and the highest token among a resource's claims is its mark. Containers have the
 * token of the mark in their names.
 */

const claims = async (engine: Engine, names: Names, resourceId: string, signal?: AbortSignal): Promise<Claim[]> =>
  claimsAmong(await engine.volumes(names.ofResource(resourceId, 'fence'), { signal }))

/** The mark of a resource: 0 where none was raised. */
export async function readMark(
  engine: Engine,
  names: Names,
  resourceId: string,
  signal?: AbortSignal,
): Promise<number> {
  return (await claims(engine, names, resourceId, signal))[0]?.token ?? 0
}

/** Refuses a token below the mark. @returns the mark */
export async function checkMark(
  engine: Engine,
  names: Names,
  resourceId: string,
  token: number,
  signal?: AbortSignal,
): Promise<number> {
  const mark = await readMark(engine, names, resourceId, signal)
  if (token < mark) throw fenced(token, mark)
  return mark
}

export const fenced = (token: number, mark?: number) =>
  new AppaloftError('fenced', {
    message: `The token ${token} lies below the fence${mark === undefined ? '' : ` ${mark}`}.`,
    details: { token, ...(mark === undefined ? {} : { mark }) },
  })

export async function raiseMark(
  engine: Engine,
  names: Names,
  resourceId: string,
  token: number,
  { expected, owner, signal }: FenceOptions,
): Promise<void> {
  const [present] = await claims(engine, names, resourceId, signal)
  const mark = present?.token ?? 0
  if (mark === token && present?.owner === owner) return await takeContainers(engine, names, resourceId, token, signal)
  if (mark !== expected || token <= expected) throw fenced(token, mark)
  const name = names.fence(resourceId, expected)
  const labels = names.labels({ resourceId }, 'fence', { [label.token]: String(token), [label.owner]: owner })
  const made = await engine.createVolume({ Name: name, Labels: labels }, { signal })
  if (made.Labels[label.token] !== String(token) || made.Labels[label.owner] !== owner) throw fenced(token)
  // Claimed after a mark that was already passed and swept: the higher claim says so.
  const volumes = await engine.volumes(names.ofResource(resourceId), { signal })
  const all = claimsAmong(volumes)
  if (all[0]?.name !== name) {
    await engine.removeVolume(name, { signal })
    throw fenced(token, all[0]?.token)
  }
  // From here on the claim alone is the mark.
  const left = [...all.slice(1), ...signsAmong(volumes).filter((one) => one.token < token)]
  const former = left.map((one) => engine.removeVolume(one.name, { signal }).catch(() => undefined))
  await Promise.all([takeContainers(engine, names, resourceId, token, signal), ...former])
}

/** From here on a former holder finds nothing under the names that it knows. */
async function takeContainers(
  engine: Engine,
  names: Names,
  resourceId: string,
  token: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const containers = await engine.containers(names.ofResource(resourceId), { signal })
  const taken = containers
    .map(({ Names: [slashed = ''] }) => slashed.slice(1))
    .filter((name) => tokenOf(name) < token)
    .map((name) =>
      orNull(engine.rename(name, renamed(name, token), { signal })).catch((error: unknown) => {
        // It is just being removed.
        if (!(error instanceof EngineError) || error.status !== 409) throw error
      }),
    )
  await Promise.all(taken)
}
