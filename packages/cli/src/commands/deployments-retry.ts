import { runAttempt } from '../attempt.js'
import { integer } from '../project/flags.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

interface RetryFlags {
  currentSecrets?: boolean
  stateVersion?: number
}

export const retry: Register = (group, run) => {
  group
    .command('retry')
    .description('run a failed, canceled or interrupted attempt’s snapshot once more')
    .argument('<id>')
    .option('--current-secrets', 'with today’s values of secrets instead of the snapshot’s')
    .option('--state-version <number>', 'only if nothing changed since recovery gave this number', integer)
    .action(
      run((ctx, id: string, flags: RetryFlags) =>
        withDeployment(ctx, id, ({ engine }) =>
          runAttempt(ctx, engine, (options) =>
            engine.deployments.retry(id, {
              ...options,
              ...(flags.currentSecrets ? { secrets: 'current' } : {}),
              ...(flags.stateVersion === undefined ? {} : { stateVersion: flags.stateVersion }),
            }),
          ),
        ),
      ),
    )
}
