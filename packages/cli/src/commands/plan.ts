import type { Preview } from '@appaloft/core/spec'
import type { Context } from '../context.js'
import { withEngine } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { previewLines } from '../output/preview.js'
import { addProfileFlags, type ProfileFlags, text } from '../project/flags.js'
import { loadProject, selectResources } from '../project/project.js'
import { targetsOf } from '../rollout.js'
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
  return withEngine(ctx, withTargetFlags(project.composition, flags), async ({ engine, store, machines = [] }) => {
    // The store is asked itself: the engine would reconcile before any call but plan.
    const definitions = await selectResources(project, flags, ctx.io, (id) => store.getResource(id))
    const { plan } = engine.deployments
    let code: ExitCode = exitCodes.success
    for (const definition of definitions) {
      const given = flags.anyTarget ? null : flags.target
      const all = given === null ? [] : await targetsOf(definition.id, machines, flags.target, store)
      const found: Found[] = []
      if (all.length > 1)
        for (const target of all) found.push({ target, ...(await plan({ resource: definition, target })) })
      else found.push(await plan({ resource: definition, ...(given === undefined ? {} : { target: given }) }))
      const together = all.length > 1 ? await fingerprintOf(found) : undefined
      for (const one of found) ctx.json({ ...one, ...(together && { rolloutFingerprint: together }) })
      for (const { preview, targets } of alike(found))
        show(ctx, definition.id, { ...preview, ...(together && { fingerprint: together }) }, targets, flags)
      if (found.some(({ readiness }) => readiness.status === 'blocked')) code = exitCodes.blocked
    }
    return code
  })
}

type Found = Preview & { target?: string }

/** What `up --fingerprint` takes for all of them. */
async function fingerprintOf(found: readonly Found[]): Promise<string> {
  const { rolloutFingerprint } = await import('@appaloft/core')
  return rolloutFingerprint(Object.fromEntries(found.map(({ target = '', fingerprint }) => [target, fingerprint])))
}

/** Of several machines most have the same plan, but for their names: it is shown once. */
function alike(found: readonly Found[]): { preview: Preview; targets: string[] }[] {
  const groups = new Map<string, { preview: Preview; targets: string[] }>()
  for (const { target, ...preview } of found) {
    const key = JSON.stringify({ ...preview, fingerprint: null, generatedAt: null })
    const group = groups.get(key) ?? { preview, targets: [] }
    if (target !== undefined) group.targets.push(target)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function show(ctx: Context, id: string, preview: Preview, targets: readonly string[], flags: PlanFlags): void {
  if (ctx.globals.json) return
  const on = targets.length === 0 ? '' : ` on ${targets.join(', ')}`
  if (ctx.globals.quiet) ctx.result(`${id} ${preview.readiness.status}${on}`)
  else for (const line of previewLines(`${id}${on}`, preview, ctx.style, flags)) ctx.say(line)
}
