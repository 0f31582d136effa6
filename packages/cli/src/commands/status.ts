import type { ErrorJson, ResourceStatus } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { codeOf, describeError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { errorLines } from '../output/error.js'
import type { Style } from '../output/style.js'
import { clean, table } from '../output/text.js'
import { text } from '../project/flags.js'
import type { Register } from './register.js'
import { withResources } from './resource-here.js'

export const status: Register = (program, run) => {
  program
    .command('status')
    .description('desired against observed; without RESOURCE, of what was deployed from this folder')
    .argument('[resource]')
    .option('--target <key>', 'the target to ask', text)
    .action(run(show))
}

async function show(ctx: Context, name: string | undefined, flags: { target?: string }): Promise<ExitCode> {
  return withResources(ctx, name, async ({ engine }, resources) => {
    if (resources.length === 0)
      ctx.say('Nothing was deployed from this folder. appaloft resources list shows the rest.')
    let drifted = false
    for (const { id, live } of resources) {
      const several = Object.keys(live).length > 1 ? Object.keys(live) : [undefined]
      for (const target of flags.target === undefined ? several : [flags.target]) {
        const found = await engine.resources.status(id, target === undefined ? {} : { target }).catch((error) => {
          // One machine that is away hides nothing of the others.
          if (several.length === 1 || target === undefined || codeOf(error) === undefined) throw error
          return describeError(error).json
        })
        drifted ||= 'code' in found || found.problem !== null || found.drift.length > 0
        if ('code' in found) ctx.json({ kind: 'status-unknown', resourceId: id, target, error: found })
        else ctx.json({ kind: 'status', status: found })
        if (ctx.globals.json) continue
        const lines =
          'code' in found ? unknownLines(id, String(target), found, ctx.style) : statusLines(found, ctx.style)
        for (const line of lines) ctx.result(line)
      }
    }
    return drifted ? exitCodes.failure : exitCodes.success
  })
}

const wayBack = 'appaloft reconcile mends what it can; appaloft up deploys again'

const unknownLines = (id: string, target: string, error: ErrorJson, style: Style): string[] => [
  `${style.bold(id)} on ${target}`,
  ...table([[`  ${style.dim('state')}`, style.yellow('unknown')]]),
  ...errorLines(error, style).map((line) => `  ${line}`),
]

function statusLines(found: ResourceStatus, style: Style): string[] {
  const { desired, observed } = found
  const running = observed.running?.instances ?? []
  const color = observed.state === 'running' ? style.green : observed.state === 'unknown' ? style.yellow : style.red
  const rows: [string, string | null][] = [
    ['desired', desired && `${desired.deploymentId} (${desired.releaseId})`],
    ['observed', observed.live && `${observed.live.deploymentId} (${observed.live.releaseId})`],
    ['state', desired === null && observed.live === null ? 'nothing is live' : color(observed.state)],
    ['instances', running.map(({ pid, restarts }) => `pid ${pid ?? '?'}, ${restarts} restarts`).join('; ') || null],
    ['running attempt', found.activeDeploymentId],
    ['urls', found.urls.join('  ') || null],
  ]
  return [
    `${style.bold(found.resourceId)} on ${found.target}`,
    ...table(rows.flatMap(([label, value]) => (value === null ? [] : [[`  ${style.dim(label)}`, value]]))),
    ...found.drift.map(({ code, message }) => `  ${style.yellow('⚠')} ${style.bold(code)}  ${clean(message)}`),
    ...(found.drift.length === 0 ? [] : [`    ${style.dim('to recover:')} ${wayBack}`]),
    ...(found.problem === null ? [] : errorLines(found.problem, style).map((line) => `  ${line}`)),
  ]
}
