import { existsSync } from 'node:fs'
import { AppaloftError, type Plan, type ReleaseInput, type ReleaseRecord } from '@appaloft/core/spec'
import { directoriesOf, inside } from './build/build.js'
import { withManager } from './build/package-manager.js'
import { buildFiles, readBuild } from './build/store.js'
import { toArgv } from './command.js'
import { releaseEnvironment } from './environment.js'
import type { Layout } from './shared/paths.js'
import type { PortRule, ReleaseMeta } from './shared/records.js'
import { linkVolumes } from './volumes.js'

/** The name of what was built, as `build` gave it to the release. */
export function buildOf(release: ReleaseRecord): string {
  const { build } = release.artifact
  if (typeof build === 'string') return build
  throw new AppaloftError('release-not-found', { message: 'The release names no build of this target.' })
}

const gone = () =>
  new AppaloftError('release-not-found', {
    message: 'What was built for this release is no longer on this machine.',
    recoveryHint: 'Redeploy the resource: that builds it anew.',
  })

/** Where commands of a release run. With volumes in their places. */
export function placeOf(layout: Layout, release: ReleaseRecord): string {
  const { plan, resourceId } = release
  const build = buildOf(release)
  const record = readBuild(layout, resourceId, build)
  if (record === null) throw gone()
  const files = buildFiles(layout.build(resourceId, build))
  if (!record.tree) return files.site
  const directory = inside(files.tree, directoriesOf(plan).working)
  if (!existsSync(directory)) throw gone()
  linkVolumes(layout, plan, directory)
  return directory
}

function portOf(plan: Plan): PortRule {
  const { exposure, hostPort, internalPort, honoursPort } = plan.network
  if (exposure === 'none') return { kind: 'none' }
  const fixed = exposure === 'direct-port' ? (hostPort ?? internalPort) : internalPort
  const free = exposure === 'proxy' && (honoursPort || plan.artifact.kind === 'static-site')
  if (free) return { kind: 'free' }
  if (fixed === undefined) throw new AppaloftError('missing-internal-port')
  return { kind: 'fixed', port: fixed }
}

/** What the keeper is asked to run. */
export function metaOf(layout: Layout, input: ReleaseInput): ReleaseMeta {
  const { release, resourceId, deploymentId, releaseId } = input
  const { plan } = release
  const site = plan.artifact.kind === 'static-site'
  const start = plan.commands.start?.command
  if (!site && start === undefined)
    throw new AppaloftError('start-failed', { message: 'The plan has no start command.' })
  const directory = placeOf(layout, release)
  const port = portOf(plan)
  return {
    ref: { resourceId, deploymentId, releaseId },
    token: input.token,
    build: buildOf(release),
    kind: site ? 'static' : 'process',
    directory: site ? buildFiles(layout.build(resourceId, buildOf(release))).site : directory,
    argv: site || start === undefined ? [] : toArgv(start),
    environment: withManager(layout, plan, releaseEnvironment(input.environment)),
    port,
    internalPort: plan.network.internalPort ?? null,
    portVariable: !site && port.kind !== 'none',
    replicas: plan.replicas,
    spaFallback: plan.artifact.kind === 'static-site' && plan.artifact.spaFallback,
    desired: 'running',
    promoted: false,
    createdAt: new Date().toISOString(),
  }
}
