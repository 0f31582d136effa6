import { withEngineHere } from '../engine.js'
import { integer, text } from '../project/flags.js'
import { runRedeploy } from '../rollout.js'
import type { Register } from './register.js'
import { namedResource } from './resource-here.js'

export const redeploy: Register = (program, run) => {
  program
    .command('redeploy')
    .description('deploy a resource again as it is defined, detected and planned afresh')
    .argument('<resource>')
    .option('--force', 'without any cache')
    .option('--target <key>', 'the target to deploy to', text)
    .option('--state-version <number>', 'only if nothing changed since recovery gave this number', integer)
    .action(
      run((ctx, name: string, flags: { force?: boolean; target?: string; stateVersion?: number }) =>
        withEngineHere(ctx, async (parts) => {
          const { engine } = parts
          return runRedeploy(ctx, engine, await namedResource(parts, name), flags)
        }),
      ),
    )
}
