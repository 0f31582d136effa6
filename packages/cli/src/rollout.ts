import type {
  Appaloft,
  DeploymentEvent,
  ResourceRecord,
  Rollout,
  RolloutHandle,
  RolloutOptions,
  RolloutRequest,
  Store,
} from '@appaloft/core/spec'
import type { Command } from 'commander'
import { exitCodeOfDeployment, runAttempt } from './attempt.js'
import type { Context } from './context.js'
import { usageError } from './errors.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { exitCodeOfSignal, leftWords, type StopSignal } from './io/signals.js'
import { eventLine } from './output/event-line.js'
import { failureLines } from './output/facts.js'
import { hintText } from './output/hint.js'
import type { Style } from './output/style.js'
import { clean, commandLine, pad, table } from './output/text.js'
import { text } from './project/flags.js'
import { isMachineKey } from './targets/machines.js'

export interface RolloutFlags {
  batch?: string
  together?: boolean
}

/** Adds the flags that say how several machines follow each other. */
export const addRolloutFlags = (command: Command): Command =>
  command
    .option('--batch <count>', 'of several machines, so many at a time (default 1); 1,4: one alone, then four', text)
    .option('--together', 'of several machines, promote all when all are verified, or none')

/** Where it goes to: the machines that are asked for, else, where it is live on several, all of them. */
export async function targetsOf(
  id: string,
  asked: readonly string[],
  target: string | undefined,
  store: Store,
): Promise<readonly string[]> {
  if (asked.length > 0 || target !== undefined) return asked
  return Object.keys((await store.getResource(id))?.live ?? {})
}

/** How several targets follow each other. Refused where there is one. */
export function rolloutOptions({ batch, together }: RolloutFlags, targets: readonly string[]): Partial<RolloutOptions> {
  if (targets.length < 2 && (batch !== undefined || together))
    throw usageError(`--${together ? 'together' : 'batch'} is for several machines.`, 'Name each of them with --host.')
  const counts = batch?.split(',').map(Number) ?? []
  const [first = 1, rest] = counts
  if (counts.length > 2 || counts.some((count) => !Number.isInteger(count) || count < 1))
    throw usageError(`--batch ${batch} is not a number of machines.`, 'Give one, as in --batch 2, or two: --batch 1,4.')
  return {
    targets: [...targets],
    ...(batch !== undefined && { batch: rest === undefined ? first : { first, rest } }),
    ...(together ? { promote: 'together' as const } : {}),
  }
}

/** Deploys it again as it is defined, where it is live: on several targets as one rollout, unless one of them is named. */
export async function runRedeploy(
  ctx: Context,
  engine: Appaloft,
  { id, live }: Pick<ResourceRecord, 'id' | 'live'>,
  { target, ...flags }: { target?: string; force?: boolean; stateVersion?: number },
): Promise<ExitCode> {
  const targets = Object.keys(live)
  if (target === undefined && targets.length > 1)
    return runRollout(ctx, engine, { resource: id, ...flags }, { targets })
  return runAttempt(ctx, engine, (options) =>
    engine.resources.redeploy(id, { ...options, ...flags, ...(target === undefined ? {} : { target }) }),
  )
}

/** Starts a rollout and shows it to its end; the first SIGINT or SIGTERM cancels it. */
export async function runRollout(
  ctx: Context,
  engine: Appaloft,
  request: RolloutRequest,
  options: Partial<RolloutOptions>,
): Promise<ExitCode> {
  const abort = new AbortController()
  let stopped: StopSignal | undefined
  const release = ctx.io.signals.hold((signal) => {
    stopped = signal
    ctx.say('canceling: what runs is stopped and undone (once more ends this process at once)')
    abort.abort()
  }, leftWords)
  const width = Math.max(...(options.targets ?? ['']).map((target) => target.length))
  let handle: RolloutHandle | undefined
  const early: DeploymentEvent[] = []
  const show = (event: DeploymentEvent) => {
    ctx.json({ kind: 'event', event })
    if (ctx.globals.json || ctx.globals.quiet) return
    const target = handle?.deployments.find(({ deploymentId }) => deploymentId === event.deploymentId)?.target
    const line = eventLine(event, ctx.style)
    if (line !== null) ctx.say(`${ctx.style.cyan(pad(target ?? event.deploymentId, width))}  ${line}`)
  }
  try {
    handle = await engine.deployments.rollout(request, {
      ...options,
      signal: abort.signal,
      // Whose they are is known when it has begun.
      onEvent: (event) => (handle === undefined ? void early.push(event) : show(event)),
    })
    ctx.say(handle.id)
    for (const event of early.splice(0)) show(event)
    const rollout = await handle.done
    ctx.json({ kind: 'result', rollout })
    await tellRollout(ctx, engine, rollout)
    return await exitCodeOf(engine, rollout, stopped)
  } finally {
    release()
  }
}

/** What became of each target, where it is served, and why it failed. */
export async function tellRollout(ctx: Context, engine: Appaloft, rollout: Rollout): Promise<void> {
  const { resourceId, status, targets, failure } = rollout
  const { style } = ctx
  const good = status === 'succeeded'
  const say = good ? ctx.say : ctx.globals.quiet ? ctx.warn : ctx.say
  const urls = new Set<string>()
  const mark = good ? style.green('✔') : status === null ? style.cyan('…') : style.red('✖')
  say(`${mark} ${style.bold(resourceId)} ${good ? 'is live on all' : (status ?? 'is under way')}`)
  for (const line of targetLines(targets, style)) say(line)
  for (const { deploymentId } of targets)
    for (const url of deploymentId === null ? [] : (await engine.deployments.show(deploymentId)).accessUrls)
      urls.add(url)
  if (good) for (const url of urls) ctx.result(`  ${style.cyan(url)}`)
  if (failure !== null) await tellFailure(ctx, engine, failure, say)
  if (!good && status !== null) for (const line of await nextLines(engine, rollout, style)) say(line)
}

async function tellFailure(
  { style }: Context,
  engine: Appaloft,
  failure: NonNullable<Rollout['failure']>,
  say: (line: string) => void,
): Promise<void> {
  say(`  ${style.bold('on')} ${failure.target}`)
  const full = failure.deploymentId === null ? null : (await engine.deployments.show(failure.deploymentId)).failure
  // Of an attempt that lost its conductor, the rollout knows better how to go on.
  if (full !== null && full.code !== 'interrupted') for (const line of failureLines(full, style)) say(line)
  else say(`${style.red('✖')} ${failure.code}  ${clean(failure.message)}  ${hintText(failure.recoveryHint)}`)
}

/** What to run next: it is begun anew everywhere, or taken back where it is. */
async function nextLines(engine: Appaloft, { resourceId, targets }: Rollout, style: Style): Promise<string[]> {
  const keys = targets.map((one) => one.target)
  const live = (await engine.resources.get(resourceId))?.live ?? {}
  const hosts = keys.flatMap((key) => (isMachineKey(key) ? ['--host', key.slice('ssh:'.length)] : []))
  const again = keys.every((key) => live[key] !== undefined)
    ? ['appaloft', 'redeploy', resourceId]
    : ['appaloft', 'up', '--resource', resourceId, ...hosts]
  const has = targets.filter((one) => one.status === 'succeeded' && one.rollback === null)
  const missing = keys.filter((key) => !has.some((one) => one.target === key))
  const rows = [
    [commandLine(again), `Roll out again: ${missing.join(', ')} did not get it.`],
    ...has.map(({ target, deploymentId }) => [
      `appaloft deployments rollback ${deploymentId}`,
      `Take ${target} back to what it had.`,
    ]),
  ]
  return ['  next:', ...table(rows.map(([command = '', why = '']) => [`    ${style.cyan(command)}`, style.dim(why)]))]
}

function targetLines(targets: Rollout['targets'], style: Style): string[] {
  return table(
    targets.map(({ target, deploymentId, status, code, rollback }) => [
      `  ${target}`,
      (status === 'succeeded' ? style.green : status === 'not-begun' ? style.dim : style.red)(status),
      [code, rollback === null ? null : `rollback: ${rollback.outcome}`].filter(Boolean).join(', '),
      style.dim(deploymentId ?? ''),
    ]),
  )
}

async function exitCodeOf(engine: Appaloft, { status, failure }: Rollout, stopped?: StopSignal): Promise<ExitCode> {
  if (status === 'succeeded') return exitCodes.success
  if (status === 'canceled' && stopped !== undefined) return exitCodeOfSignal(stopped)
  const id = failure?.deploymentId ?? null
  return id === null ? exitCodes.failure : exitCodeOfDeployment(await engine.deployments.show(id))
}
