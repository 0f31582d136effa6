import { runAttempt } from '../attempt.js'
import { withEngineHere } from '../engine.js'
import type { Register } from './register.js'

export const retry: Register = (group, run) => {
  group
    .command('retry')
    .description('run a failed, canceled or interrupted attempt’s snapshot once more')
    .argument('<id>')
    .option('--current-secrets', 'with today’s values of secrets instead of the snapshot’s')
    .action(
      run((ctx, id: string, flags: { currentSecrets?: boolean }) =>
        withEngineHere(ctx, ({ engine }) =>
          runAttempt(ctx, engine, (options) =>
            engine.deployments.retry(id, { ...options, ...(flags.currentSecrets ? { secrets: 'current' } : {}) }),
          ),
        ),
      ),
    )
}
