import { createHash } from 'node:crypto'
import type { RunningRef } from '@appaloft/core/spec'

/*
 * Everything of ours carries labels, which alone say what is ours. The names of containers end in the token of the last holder of the
 * resource: a new one renames them, and what a former one still does finds nothing under the name that it knows.
 */

const label = {
  scope: 'appaloft.scope',
  resource: 'appaloft.resource',
  deployment: 'appaloft.deployment',
  release: 'appaloft.release',
  /**
   * `instance`: of a release; `command`: runs the release command; `build`: what was built; `volume`; `fence`, and `lease` beside it; `record`; `proxy`: of no resource. Of a Compose project also `service`: one that
   * stays from release to release; `network`; `name`: a network in which one release has the service's name.
   */
  role: 'appaloft.role',
  service: 'appaloft.service',
  /** Of a service: who made it. It belongs to no deployment. */
  attempt: 'appaloft.attempt',
  hash: 'appaloft.hash',
  /** Of a service's image, before files went into it: its id, its digest in a registry, and how the file names it. */
  image: 'appaloft.image',
  digest: 'appaloft.digest',
  reference: 'appaloft.reference',
  network: 'appaloft.network',
  rank: 'appaloft.rank',
  index: 'appaloft.index',
  inputs: 'appaloft.inputs',
  token: 'appaloft.token',
  owner: 'appaloft.owner',
  /** `beat`, `asked` or `released`; and how many beats. */
  lease: 'appaloft.lease',
  beats: 'appaloft.beats',
  /** Of a record: its name, its text, packed, and which of several is the newest under one token. */
  record: 'appaloft.record',
  text: 'appaloft.text',
  order: 'appaloft.order',
  /** Of a proxy: the state folder that it belongs to, as a digest. */
  folder: 'appaloft.folder',
} as const

export { label }

export type Role =
  | 'instance'
  | 'command'
  | 'build'
  | 'volume'
  | 'fence'
  | 'lease'
  | 'record'
  | 'service'
  | 'network'
  | 'name'
  | 'proxy'

export class Names {
  constructor(readonly scope: string) {}

  /** Filters for everything of all resources. */
  ofScope(role: Role): string[] {
    return [`${label.scope}=${this.scope}`, `${label.role}=${role}`]
  }

  /** Filters for everything of a resource. */
  ofResource(resourceId: string, role?: Role): string[] {
    const all = [`${label.scope}=${this.scope}`, `${label.resource}=${resourceId}`]
    return role === undefined ? all : [...all, `${label.role}=${role}`]
  }

  ofRelease(ref: RunningRef, role?: Role): string[] {
    return [
      ...this.ofResource(ref.resourceId, role),
      `${label.deployment}=${ref.deploymentId}`,
      `${label.release}=${ref.releaseId}`,
    ]
  }

  labels(ref: { resourceId: string } & Partial<RunningRef>, role: Role, more: Record<string, string> = {}) {
    return {
      [label.scope]: this.scope,
      [label.resource]: ref.resourceId,
      ...(ref.deploymentId === undefined ? {} : { [label.deployment]: ref.deploymentId }),
      ...(ref.releaseId === undefined ? {} : { [label.release]: ref.releaseId }),
      [label.role]: role,
      ...more,
    }
  }

  /** @param part an instance's number, `run`, or `once-` and the service */
  container(ref: RunningRef, part: number | string, token: number): string {
    return `appaloft.${this.scope}.${ref.resourceId}.${ref.deploymentId}.${releaseWord(ref)}.${part}.t${token}`
  }

  /** Of a service of a Compose project; `attempt` is the deployment that makes it. */
  service(resourceId: string, service: string, index: number, attempt: string, token: number): string {
    return `appaloft.${this.scope}.${resourceId}.svc.${service}.${index}.${attempt.slice(-10)}.t${token}`
  }

  network(resourceId: string, key: string, hash: string): string {
    return `appaloft.${this.scope}.${resourceId}.net.${key}.${hash.slice(0, 8)}`
  }

  /**
   * A network of names. Containers look names up in their networks in the order of these networks' names, and leave by the first: it sorts behind those of
   * projects, and of two the lower rank wins.
   */
  nameNetwork(resourceId: string, key: string, rank: number): string {
    return `zzzz-appaloft.${this.scope}.${resourceId}.${key}.${String(rank).padStart(7, '0')}`
  }

  volume(resourceId: string, name: string): string {
    return `appaloft.${this.scope}.${resourceId}.${name}`
  }

  /** Of the holder that came after the one with the token `expected`. */
  fence(resourceId: string, expected: number): string {
    return `appaloft.${this.scope}.${resourceId}.fence.after.${expected}`
  }

  /** What its holder, or who waits for it, says of the lease of a fence. */
  lease(resourceId: string, token: number, what: string): string {
    return `appaloft.${this.scope}.${resourceId}.lease.${token}.${what}`
  }

  record(resourceId: string, name: string, token: number, order: number): string {
    return `appaloft.${this.scope}.${resourceId}.record.${name}.t${token}.${order}`
  }

  /** Of what was built of these inputs. A tag has 128 characters at most. */
  image(resourceId: string, word: string): { repo: string; tag: string; name: string } {
    const repo = `appaloft/${this.scope}`
    const tag = `${resourceId}.${word}`
    return { repo, tag, name: `${repo}:${tag}` }
  }
}

/** A name in its two parts. */
export function partsOf(name: string): { repo: string; tag: string } {
  const colon = name.lastIndexOf(':')
  return { repo: name.slice(0, colon), tag: name.slice(colon + 1) }
}

/**
 * The name of an image on the engine that made it for another one. Each target keeps its own there: what one lets go, another may still need, and a
 * target may run releases of the same resource there.
 */
export function heldName(name: string, key: string): string {
  const { repo, tag } = partsOf(name)
  return `${repo}/${createHash('sha256').update(key).digest('hex').slice(0, 8)}:${tag}`
}

/** As it is called where it runs, whoever keeps it. */
export const plainName = (held: string): string => held.replace(/^(appaloft\/[^/:]+)\/[0-9a-f]{8}:/, '$1:')

/** A rollback runs a former release in a new attempt: both are in the name, the release shortened. */
const releaseWord = ({ releaseId }: RunningRef) => createHash('sha256').update(releaseId).digest('hex').slice(0, 8)

/** The same name for another holder. */
export const renamed = (name: string, token: number): string => name.replace(/\.t\d+$/, `.t${token}`)
export const tokenOf = (name: string): number => Number(/\.t(\d+)$/.exec(name)?.[1] ?? Number.NaN)
