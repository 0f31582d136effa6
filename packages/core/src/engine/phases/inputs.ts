import { createHash } from 'node:crypto'
import { canonicalJson } from '../../spec/json.js'
import type { Plan } from '../../spec/plan.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { ComingBuild, ReleaseInput } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { openVariables } from '../definitions.js'

type Opened = Awaited<ReturnType<typeof openVariables>>
const valuesOf = (opened: Opened, scope: 'build' | 'runtime') =>
  Object.fromEntries(
    opened.filter((one) => one.scope === scope || one.scope === 'both').map((one) => [one.name, one.value]),
  )
const secretsOf = (opened: Opened) => opened.filter((one) => one.secret).map((one) => one.name)

export async function releaseInput(
  attempt: Attempt,
  release: ReleaseRecord,
  signal: AbortSignal,
  step: 'start' | 'release-command' | 'upload' | 'promote' = 'start',
): Promise<ReleaseInput> {
  const { runtime, record } = attempt
  const opened = await openVariables(runtime, record.resourceId, release.plan.environment)
  return {
    ...attempt.ref,
    releaseId: release.id,
    token: attempt.token,
    signal,
    log: (line) => attempt.log(step, line),
    release,
    environment: {
      ...valuesOf(opened, 'runtime'),
      APPALOFT_DEPLOYMENT_ID: record.id,
      APPALOFT_RESOURCE_ID: record.resourceId,
      APPALOFT_RELEASE_ID: release.id,
    },
    secretNames: secretsOf(opened),
  }
}

/** Of everything that goes into the build and nothing that differs between attempts. */
function inputsDigest(plan: Plan): string {
  const { source, artifact, runtime, framework, commands, environment } = plan
  const { release: _release, start: _start, ...build } = commands
  const variables = Object.fromEntries(Object.entries(environment).filter(([, one]) => one.scope !== 'runtime'))
  const inputs = {
    source: { digest: source.digest, baseDirectory: source.baseDirectory },
    artifact,
    runtime,
    framework,
    build,
    variables,
    node: process.version,
  }
  return createHash('sha256').update(canonicalJson(inputs)).digest('hex')
}

/** What the build of a plan will be told, as far as it is known before its source is at hand. */
export async function comingBuild(attempt: Attempt, plan: Plan): Promise<ComingBuild> {
  const { runtime, record } = attempt
  const opened = await openVariables(runtime, record.resourceId, plan.environment)
  return {
    resourceId: record.resourceId,
    deploymentId: record.id,
    releaseId: record.releaseId ?? runtime.ids.next('rel'),
    signal: attempt.signal,
    plan,
    environment: valuesOf(opened, 'build'),
    secretNames: secretsOf(opened),
    inputsDigest: inputsDigest(plan),
    noCache: record.trigger === 'force-redeploy' || record.request.force === true,
  }
}

/** Tells a target that looks ahead what comes. Null: nobody was told; the build tells what is wrong. */
export async function foretell(
  attempt: Attempt,
  plan: Plan,
  previous: Attempt['record']['previous'],
): Promise<ComingBuild | null> {
  const { target, runtime } = attempt
  if (target.prepare === undefined) return null
  try {
    const [coming, former] = await Promise.all([
      comingBuild(attempt, plan),
      previous === null ? null : runtime.store.getRelease(previous.releaseId),
    ])
    target.prepare(coming, former)
    return coming
  } catch {
    return null
  }
}
