import { resolve } from 'node:path'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { writePrivate } from '../io/files.js'
import { text } from '../project/flags.js'
import type { Register } from './register.js'
import { withDeployment } from './resource-here.js'

interface DiagnosticsFlags {
  output?: string
  force?: boolean
}

export const diagnostics: Register = (group, run) => {
  group
    .command('diagnostics')
    .description('one document without secrets that says all that is known of an attempt, for a ticket')
    .argument('<id>')
    .option('-o, --output <file>', 'write it to a file that this user alone can read (default: print it)', text)
    .option('--force', 'replace a file that is there')
    .action(
      run((ctx, id: string, flags: DiagnosticsFlags) =>
        withDeployment(ctx, id, async ({ engine }): Promise<ExitCode> => {
          const found = await engine.deployments.diagnostics(id)
          const readable = JSON.stringify(found, null, 2)
          if (flags.output === undefined) {
            ctx.json(found)
            ctx.result(readable)
            return exitCodes.success
          }
          const file = resolve(ctx.io.cwd, flags.output)
          await writePrivate(file, `${readable}\n`, flags)
          ctx.json({ kind: 'diagnostics-written', deploymentId: id, file })
          ctx.say(`${ctx.style.green('✔')} ${flags.output} written; read it before you share it`)
          return exitCodes.success
        }),
      ),
    )
}
