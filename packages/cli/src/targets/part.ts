import type { ProbeReport, Target } from '@appaloft/core/spec'
import type { DockerOptions } from '@appaloft/target-docker'
import type { Finding } from '../doctor/check.js'

/** A target that runs containers, and what belongs to it beside the engine's parts. */
export interface TargetPart {
  target: Target
  /** What there is to say of a proxy that no target speaks for. */
  checkProxy(): Promise<Finding[]>
  /** The way to the proxy is another than to the engine: it may be there where that is not. */
  apart?: true
  /** Takes the container of the proxy away; null where the proxy has none of ours. Answers whether there was one. */
  removeProxy: (() => Promise<boolean>) | null
  close(): Promise<void>
}

/** What is behind a target, before the target is made. */
export type Behind = Pick<DockerOptions, 'proxy' | 'proxyContext'> & Omit<TargetPart, 'target'>

export const nothing = { checkProxy: async () => [], removeProxy: null, close: async () => {} }

export const checksOf = (prefix: string, { checks }: ProbeReport): Finding[] =>
  checks.map((check) => ({ ...check, id: `${prefix}.${check.id}` }))

export const probing = () => ({ signal: AbortSignal.timeout(30_000) })
