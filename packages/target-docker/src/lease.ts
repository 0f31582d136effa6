import type { MachineLease, TargetLease } from '@appaloft/core/spec'
import type { Call, Engine } from './api/engine.js'
import { claimsAmong, type Sign, signsAmong, type Volume } from './claims.js'
import { fenced } from './marks.js'
import { label, type Names } from './names.js'

/*
 * The lease of a fence lies beside it, in volumes too, which need no shell and no rights but those to use the engine: of the claim with the
 * token T there is `…lease.T.beat.N` for the last beats, `…lease.T.asked` with who asked first, and `…lease.T.released`. One listing shows
 * all. The next holder's fence sweeps them away.
 */

const present = (volumes: readonly Volume[]): MachineLease | null => {
  const [claim] = claimsAmong(volumes)
  if (claim === undefined) return null
  const { token, owner } = claim
  const signs = signsAmong(volumes).filter((one) => one.token === token)
  return {
    token,
    owner,
    held: !signs.some((one) => one.kind === 'released'),
    beats: Math.max(0, ...signs.map((one) => one.beats)),
    wanted: signs.find((one) => one.kind === 'asked')?.owner ?? null,
  }
}

type Safely = <T>(call: Call, act: (engine: Engine) => Promise<T>) => Promise<T>

export function machineLease(safely: Safely, names: Names): TargetLease {
  const listed = (engine: Engine, resourceId: string, { signal }: Call) =>
    engine.volumes(names.ofResource(resourceId), { signal })
  const sign = (resourceId: string, token: number, kind: string, more: Record<string, string> = {}) => ({
    Name: names.lease(resourceId, token, more[label.beats] === undefined ? kind : `${kind}.${more[label.beats]}`),
    Labels: names.labels({ resourceId }, 'lease', { [label.token]: String(token), [label.lease]: kind, ...more }),
  })
  const swept = (engine: Engine, signs: readonly Sign[], { signal }: Call) =>
    Promise.all(signs.map((one) => engine.removeVolume(one.name, { signal }).catch(() => undefined)))

  return {
    read: (resourceId, call = {}) => safely(call, async (engine) => present(await listed(engine, resourceId, call))),

    beat: (resourceId, token, call = {}) =>
      safely(call, async (engine) => {
        const volumes = await listed(engine, resourceId, call)
        const lease = present(volumes)
        if (lease !== null && lease.token > token) throw fenced(token, lease.token)
        if (lease?.token !== token || !lease.held) return { wanted: null }
        // The new one first: at no moment is the counter lower than it was.
        const beat = { [label.beats]: String(lease.beats + 1) }
        await engine.createVolume(sign(resourceId, token, 'beat', beat), call)
        await swept(
          engine,
          signsAmong(volumes).filter((one) => one.kind === 'beat' && one.token === token),
          call,
        )
        return { wanted: lease.wanted }
      }),

    ask: (resourceId, token, by, call = {}) =>
      safely(call, async (engine) => {
        if (present(await listed(engine, resourceId, call))?.token !== token) return
        await engine.createVolume(sign(resourceId, token, 'asked', { [label.owner]: by }), call)
      }),

    release: (resourceId, token, call = {}) =>
      safely(call, async (engine) => {
        const volumes = await listed(engine, resourceId, call)
        const lease = present(volumes)
        if (lease?.token !== token) return
        if (lease.held) await engine.createVolume(sign(resourceId, token, 'released'), call)
        const rest = signsAmong(volumes).filter((one) => one.kind !== 'released' && one.token <= token)
        await swept(engine, rest, call)
      }),
  }
}
