import type { ResourceStatus } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
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
        const found = await engine.resources.status(id, target === undefined ? {} : { target })
        drifted ||= found.drift.length > 0
        ctx.json({ kind: 'status', status: found })
        if (!ctx.globals.json) for (const line of statusLines(found, ctx.style)) ctx.result(line)
      }
    }
    return drifted ? exitCodes.failure : exitCodes.success
  })
}

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
  ]
}
