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

/**
 * @param behind asks for more behind the claim
 * @returns when the mark is raised: `taken` is done when the containers have its token in their names
 */
export async function raiseMark(
  engine: Engine,
  names: Names,
  resourceId: string,
  token: number,
  { expected, owner, signal }: FenceOptions,
  behind: (ordered: Engine) => void,
): Promise<{ taken: Promise<void> }> {
  if (token <= expected) {
    await refuseUnlessRaised(engine, names, resourceId, { token, owner }, signal)
    return { taken: takeAll(engine, names, resourceId, token, signal) }
  }
  const name = names.fence(resourceId, expected)
  const labels = names.labels({ resourceId }, 'fence', { [label.token]: String(token), [label.owner]: owner })
  const [made, volumes, containers] = await engine.inOrder((ordered) => {
    const raised = Promise.all([
      ordered.createVolume({ Name: name, Labels: labels }, { signal }),
      ordered.volumes(names.ofResource(resourceId), { signal }),
      ordered.containers(names.ofResource(resourceId), { signal }),
    ])
    behind(ordered)
    return raised
  })
  if (made.Labels[label.token] !== String(token) || made.Labels[label.owner] !== owner) throw fenced(token)
  // Claimed after a mark that was already passed and swept, or that never was: the others say so. Without any, what it came after is swept.
  const [before, ...others] = claimsAmong(volumes).filter((one) => one.name !== name)
  const mine = before?.token === token && before.owner === owner
  if (mine || (before !== undefined && before.token !== expected)) {
    await engine.removeVolume(name, { signal })
    if (!mine) throw fenced(token, before?.token)
  }
  // From here on the claim alone is the mark.
  const signs = signsAmong(volumes).filter((one) => one.token < token)
  const left = [...(mine || before === undefined ? [] : [before]), ...others, ...signs]
  const taken = engine.inOrder(async (ordered) => {
    const renaming = takeContainers(ordered, containers, token, signal)
    // Nobody waits for these.
    for (const one of left) ordered.removeVolume(one.name, { signal }).catch(() => undefined)
    await renaming
  })
  return { taken }
}

/** It would not rise: only who calls again for what was raised before passes. */
async function refuseUnlessRaised(
  engine: Engine,
  names: Names,
  resourceId: string,
  { token, owner }: Pick<Claim, 'token' | 'owner'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [present] = await claims(engine, names, resourceId, signal)
  if (present?.token !== token || present.owner !== owner) throw fenced(token, present?.token ?? 0)
}

/** From then on a former holder finds nothing under the names that it knows. */
export async function takeAll(
  engine: Engine,
  names: Names,
  resourceId: string,
  token: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await takeContainers(engine, await engine.containers(names.ofResource(resourceId), { signal }), token, signal)
}

async function takeContainers(
  engine: Engine,
  containers: Awaited<ReturnType<Engine['containers']>>,
  token: number,
  signal: AbortSignal | undefined,
): Promise<void> {
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
