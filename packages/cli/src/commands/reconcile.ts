import type { ReconcileReport } from '@appaloft/core/spec'
import { withEngineHere } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { fixOf } from '../output/hint.js'
import { clean } from '../output/text.js'
import type { Register } from './register.js'

export const reconcile: Register = (program, run) => {
  program
    .command('reconcile')
    .description('bring attempts whose process died to their end, and everything else in line with the records')
    .action(
      run((ctx) =>
        withEngineHere(ctx, async ({ engine }): Promise<ExitCode> => {
          const report = await engine.reconcile()
          ctx.json({ kind: 'reconcile', report })
          for (const line of lines(report)) ctx.say(line)
          return report.problems.length === 0 ? exitCodes.success : exitCodes.failure
        }),
      ),
    )
}

function lines(report: ReconcileReport): string[] {
  const found = [
    ...report.ended.map(({ deploymentId, status }) => `${deploymentId} ended ${status}`),
    ...report.removed.map(({ deploymentId, releaseId }) => `removed what ${deploymentId} left of ${releaseId}`),
    ...report.routed.map((resourceId) => `routes of ${resourceId} put right`),
    ...report.problems.flatMap(({ resourceId, code, message }) => {
      const fix = fixOf(code)
      return [
        `${resourceId ?? 'target'}: ${code}: ${clean(message)}`,
        ...(fix === undefined ? [] : [`  to recover: ${fix}`]),
      ]
    }),
  ]
  return found.length === 0 ? ['Everything is as recorded.'] : found
}
