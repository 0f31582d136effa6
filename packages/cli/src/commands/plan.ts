import type { Context } from '../context.js'
import { withEngine } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { previewLines } from '../output/preview.js'
import { addProfileFlags, type ProfileFlags, text } from '../project/flags.js'
import { loadProject, selectResources } from '../project/project.js'
import { addTargetFlags, type TargetFlags, withTargetFlags } from '../targets/choice.js'
import type { Register } from './register.js'

interface PlanFlags extends ProfileFlags, TargetFlags {
  resource?: string
  anyTarget?: boolean
  ref?: string
  files?: boolean
}

export const plan: Register = (program, run) => {
  const command = program
    .command('plan')
    .description(
      'show what deploying PATH would do (a folder, an archive, a Compose file, a git URL, or docker://IMAGE); creates and changes nothing',
    )
    .argument('[path]')
    .option('--resource <id>', 'the resource to plan, by id or by its name in the configuration', text)
  addTargetFlags(command, 'plan for')
    .option('--any-target', 'a plan that no target’s abilities filter')
    .option('--ref <ref>', 'the branch, tag or commit of a git URL', text)
    .option('--files', 'show the files that are written for the build')
  addProfileFlags(command).action(run(preview))
}

async function preview(ctx: Context, path: string | undefined, flags: PlanFlags): Promise<ExitCode> {
  const project = await loadProject({ path, ref: flags.ref, config: ctx.globals.config }, ctx.io)
  return withEngine(ctx, withTargetFlags(project.composition, flags), async ({ engine, store }) => {
    // The store is asked itself: the engine would reconcile before any call but plan.
    const definitions = await selectResources(project, flags, ctx.io, (id) => store.getResource(id))
    const target = flags.anyTarget ? null : flags.target
    let code: ExitCode = exitCodes.success
    for (const definition of definitions) {
      const found = await engine.deployments.plan({
        resource: definition,
        ...(target === undefined ? {} : { target }),
      })
      ctx.json(found)
      if (!ctx.globals.json) {
        if (ctx.globals.quiet) ctx.result(`${definition.id} ${found.readiness.status}`)
        else for (const line of previewLines(definition.id, found, ctx.style, flags)) ctx.say(line)
      }
      if (found.readiness.status === 'blocked') code = exitCodes.blocked
    }
    return code
  })
}
