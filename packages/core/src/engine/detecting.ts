import { type OpenedSource, openSource, resolveBaseDirectory, subTree } from '../sources/index.js'
import { allReasonCodes, type ReasonCode } from '../spec/codes.js'
import { AppaloftError } from '../spec/errors.js'
import type { PlannerContext } from '../spec/planner.js'
import type { Profiles, ResourceSnapshot } from '../spec/profiles.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { SourceIdentity } from '../spec/source.js'
import type { Target } from '../spec/target.js'
import { custom } from './custom.js'
import { toAppaloftError } from './errors.js'
import type { Runtime } from './runtime.js'
import { type Detected, detectClaims } from './search.js'
import { deadline } from './timing.js'

export interface PlanInput {
  definition: ResourceSnapshot
  target: Target | null
  gitRef?: string
  commitSha?: string
  signal: AbortSignal
}

export interface DetectResult {
  opened: OpenedSource | null
  identity: SourceIdentity | null
  detected: Detected | null
  contextAt: ((baseDirectory: string) => PlannerContext) | null
  reasons: Reason[]
}

const profilesOf = (definition: ResourceSnapshot): Profiles => ({
  runtime: definition.runtime ?? {},
  network: definition.network ?? {},
  health: definition.health,
  access: definition.access ?? {},
  environment: Object.fromEntries(
    Object.entries(definition.environment ?? {}).map(([name, variable]) => [
      name,
      { secret: 'secret' in variable, scope: variable.scope },
    ]),
  ),
  volumes: definition.volumes ?? [],
  binds: definition.binds ?? [],
})

/** Materialises the source for reading, finds the base directory and asks the planners. What blocks is a value. */
export async function detect(runtime: Runtime, input: PlanInput): Promise<DetectResult> {
  const { definition, target, signal } = input
  const seconds = definition.runtime?.timeouts?.sourceSeconds ?? 300
  const expiry = deadline(runtime.clock, seconds * 1000, () => sourceTimeout(seconds))
  const limit = AbortSignal.any([signal, expiry.signal])
  let opened: OpenedSource | null = null
  try {
    opened = await openSource(definition.source, {
      stateDir: runtime.stateDir,
      clock: runtime.clock,
      signal: limit,
      ...(runtime.credentials === undefined ? {} : { credentials: runtime.credentials }),
      ...(input.gitRef === undefined ? {} : { gitRef: input.gitRef }),
      ...(input.commitSha === undefined ? {} : { commitSha: input.commitSha }),
    })
    const { tree } = opened
    const named = definition.source.baseDirectory
    const explicit = named === undefined ? undefined : await resolveBaseDirectory(tree, named)
    const profiles = profilesOf(definition)
    const contextAt = (baseDirectory: string, at = tree): PlannerContext => ({
      tree: at,
      root: tree,
      baseDirectory,
      source: definition.source,
      profiles,
      target:
        target === null
          ? null
          : {
              key: target.key,
              artifactKinds: target.capabilities.artifactKinds,
              exposures: target.capabilities.exposures,
            },
      signal,
    })
    const claimed = await detectClaims(runtime.planners, tree, explicit, contextAt)
    const detected =
      claimed.found.length + claimed.reasons.length > 0
        ? claimed
        : await detectClaims([custom], tree, claimed.baseDirectory, contextAt)
    const contexts = new Map<string, PlannerContext>()

    return {
      opened,
      identity: { ...opened.identity, baseDirectory: detected.baseDirectory },
      detected,
      contextAt: (baseDirectory) => {
        const known =
          contexts.get(baseDirectory) ??
          contextAt(baseDirectory, baseDirectory === '.' ? tree : subTree(tree, baseDirectory))
        contexts.set(baseDirectory, known)
        return known
      },
      reasons: detected.reasons,
    }
  } catch (error) {
    signal.throwIfAborted()
    const failed = toAppaloftError(error)
    if (!(allReasonCodes as readonly string[]).includes(failed.code)) throw error
    return {
      opened,
      identity: opened?.identity ?? null,
      detected: null,
      contextAt: null,
      reasons: [
        reason(failed.code as ReasonCode, {
          message: failed.message,
          phase: failed.phase ?? 'detect',
          fixPath: [{ action: failed.recoveryHint }],
          ...overridesOf(failed),
        }),
      ],
    }
  } finally {
    expiry.clear()
  }
}

/** What the error knows of what may have been meant. Taken away, the field leaves the choice to the engine. */
function overridesOf({ code, details }: AppaloftError): { overridePath?: Reason['overridePath'] } {
  const field = { 'git-ref-not-found': 'source.gitRef' }[code as string] ?? 'source.baseDirectory'
  const known = code === 'git-ref-not-found' ? details.defaultBranch : details.meant
  const entries: Reason['overridePath'] = []
  if (typeof known === 'string')
    entries.push({ action: `Set ${field} to one that exists.`, profileField: field, example: known })
  if (code === 'git-ref-not-found' && typeof details.gitRef === 'string')
    entries.push({ action: `Remove ${field}: the default branch is taken.`, profileField: field })
  if (code === 'base-directory-not-found' || code === 'base-directory-escapes-source')
    entries.push({ action: `Remove ${field}: the application is searched for.`, profileField: field })
  return entries.length === 0 ? {} : { overridePath: entries }
}

const sourceTimeout = (seconds: number) =>
  new AppaloftError('timeout', {
    phase: 'detect',
    message: `The source was not read within ${seconds} s (runtime.timeouts.sourceSeconds).`,
    details: { profileField: 'runtime.timeouts.sourceSeconds', seconds },
  })
