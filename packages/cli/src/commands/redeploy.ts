import { runAttempt } from '../attempt.js'
import { withEngineHere } from '../engine.js'
import { integer, text } from '../project/flags.js'
import { runRollout } from '../rollout.js'
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
        withEngineHere(ctx, async ({ engine, store }) => {
          const { id, live } = await namedResource(store, name)
          if (flags.target === undefined && Object.keys(live).length > 1) {
            const { force, stateVersion } = flags
            const request = {
              resource: id,
              ...(force && { force }),
              ...(stateVersion !== undefined && { stateVersion }),
            }
            return runRollout(ctx, engine, request, { targets: Object.keys(live) })
          }
          return runAttempt(ctx, engine, (options) => engine.resources.redeploy(id, { ...options, ...flags }))
        }),
      ),
    )
}
