import type { RunningRef } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { label, type Names } from '../names.js'

/** A container of ours as the engine lists it. */
export interface Found {
  id: string
  /** With the token of the holder whose it is. */
  name: string
  state: string
  role: string
  index: number
  ref: RunningRef
  /** Where ports of it are published, while it runs: of each its number inside and that of the machine. */
  ports: readonly { inside: number; outside: number }[]
}

async function listed(engine: Engine, labels: string[], signal: AbortSignal | undefined): Promise<Found[]> {
  const containers = await engine.containers(labels, { signal })
  return containers
    .flatMap(({ Id: id, Names: [name = ''], State: state, Labels: labels, Ports: published }) => {
      const resourceId = labels[label.resource]
      const deploymentId = labels[label.deployment]
      const releaseId = labels[label.release]
      if (resourceId === undefined || deploymentId === undefined || releaseId === undefined) return []
      const ref = { resourceId, deploymentId, releaseId }
      const index = Number(labels[label.index] ?? 0)
      const ports = published.flatMap(({ PrivatePort: inside, PublicPort: outside }) =>
        outside === undefined ? [] : [{ inside, outside }],
      )
      return [{ id, name: name.slice(1), state, role: labels[label.role] ?? '', index, ref, ports }]
    })
    .sort((a, b) => a.index - b.index)
}

export const containersOf = (engine: Engine, names: Names, resourceId: string, signal?: AbortSignal) =>
  listed(engine, names.ofResource(resourceId), signal)

/** The instances of a running release, in their order. */
export const instancesOf = (engine: Engine, names: Names, ref: RunningRef, signal?: AbortSignal) =>
  listed(engine, names.ofRelease(ref, 'instance'), signal)

/** Also what runs its release command. */
export const everythingOf = (engine: Engine, names: Names, ref: RunningRef, signal?: AbortSignal) =>
  listed(engine, names.ofRelease(ref), signal)
