import type { Claim, PlannerContext } from '@appaloft/core/spec'
import { examine } from './application.js'
import { fact, otherManifest } from './sources/manifest.js'
import { manifestAt, placed } from './workspaces/nx-project.js'

/** Claims a tree with a package.json that is, or is meant to be, an application. */
export async function detect(context: PlannerContext): Promise<Claim | null> {
  const read = await manifestAt(context)
  const other = read === null ? await otherManifest(context.tree) : undefined
  if (other !== undefined)
    return {
      basis: 'generic',
      supportTier: 'requires-override',
      reason: `There is a ${other} in place of a package.json.`,
      evidence: [fact(context, 'file', other, other)],
      artifactKind: 'workspace',
    }
  if (read === null) return null
  const { runtime } = context.profiles
  // Who names Compose files means them: the planner for these says what else contradicts them.
  if (runtime.composeFiles !== undefined && runtime.planner === undefined) return null
  const explicit = runtime.planner === 'node' || runtime.startCommand !== undefined
  const name = ('instead' in read ? read.instead : undefined) ?? 'package.json'
  const file = fact(context, 'file', name, name)
  const basis = explicit ? 'explicit' : 'generic'
  if ('broken' in read)
    return {
      basis,
      // At the root it is not passed over: what lies below is only a part of what cannot be read.
      supportTier: context.baseDirectory === '.' ? 'generic' : 'unsupported',
      reason: `There is a package.json, but ${read.broken}.`,
      evidence: [file],
      artifactKind: 'workspace',
    }
  const { found, named, outcome, evidence } = await examine(context, read.manifest)
  if (outcome.kind === 'none') {
    const root = read.manifest.workspaces || (await context.tree.has('pnpm-workspace.yaml'))
    if (root && !explicit) return null
    return {
      basis,
      supportTier: 'requires-override',
      reason: 'A package.json without anything that says how to start it.',
      evidence: placed(context, read, [file, ...evidence]),
      artifactKind: 'workspace',
    }
  }
  const custom = runtime.startCommand !== undefined || runtime.publishDirectory !== undefined
  const blocked = outcome.kind === 'blocked'
  return {
    basis: explicit ? 'explicit' : named ? 'framework' : 'generic',
    supportTier: blocked ? 'requires-override' : custom ? 'explicit-custom' : named ? 'first-class' : 'generic',
    reason: custom
      ? 'A package.json, and the profile says what runs.'
      : named
        ? `A package.json that depends on ${found?.dependency ?? named.name}.`
        : 'A package.json that says how it is started.',
    evidence: placed(context, read, [file, ...evidence]),
    artifactKind: outcome.kind === 'static' ? 'static-site' : 'workspace',
  }
}
