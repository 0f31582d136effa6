import { runAttempt } from '../attempt.js'
import { withEngineHere } from '../engine.js'
import { text } from '../project/flags.js'
import type { Register } from './register.js'

interface RollbackFlags {
  to?: string
  target?: string
  currentSecrets?: boolean
}

export const rollback: Register = (group, run) => {
  group
    .command('rollback')
    .description('bring a former release back, without planning or building; ID is a deployment’s or a resource’s')
    .argument('<id>')
    .option('--to <release>', 'this release (default: the one live before the present one)', text)
    .option('--target <key>', 'on this target', text)
    .option('--current-secrets', 'with today’s values of secrets instead of the release’s')
    .action(
      run((ctx, id: string, flags: RollbackFlags) =>
        withEngineHere(ctx, ({ engine }) =>
          runAttempt(ctx, engine, (options) =>
            engine.deployments.rollback(id, {
              ...options,
              ...(flags.to === undefined ? {} : { to: flags.to }),
              ...(flags.target === undefined ? {} : { target: flags.target }),
              ...(flags.currentSecrets ? { secrets: 'current' } : {}),
            }),
          ),
        ),
      ),
    )
}
