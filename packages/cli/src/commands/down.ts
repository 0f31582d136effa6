import { type ExitCode, exitCodes } from '../exit-codes.js'
import type { Register } from './register.js'
import { withResources } from './resource-here.js'

export const down: Register = (program, run) => {
  program
    .command('down')
    .description('take a resource away: routes first, then drain and releases; without RESOURCE, those of this folder')
    .argument('[resource]')
    .option('--volumes', 'its volumes with their data, too')
    .action(
      run((ctx, name: string | undefined, flags: { volumes?: boolean }) =>
        withResources(ctx, name, async ({ engine }, resources): Promise<ExitCode> => {
          if (resources.length === 0) ctx.say('Nothing was deployed from this folder.')
          for (const { id } of resources) {
            await engine.resources.remove(id, flags.volumes ? { volumes: true } : {})
            ctx.json({ kind: 'removed', resourceId: id })
            ctx.say(`${ctx.style.green('✔')} ${id} is down`)
          }
          return exitCodes.success
        }),
      ),
    )
}
