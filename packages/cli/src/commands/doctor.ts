import type { Context } from '../context.js'
import type { Finding } from '../doctor/check.js'
import { compositionHere, stateDirOf } from '../engine.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { hintText } from '../output/hint.js'
import type { Style } from '../output/style.js'
import { clean, table } from '../output/text.js'
import { addTargetFlags, type TargetFlags, withTargetFlags } from '../targets/choice.js'
import type { Register } from './register.js'

export const doctor: Register = (program, run) => {
  const command = program
    .command('doctor')
    .description('check this machine, the state folder, the store, the targets and what runs; each fault with its fix')
  addTargetFlags(command, 'check too').action(run(examine))
}

async function examine(ctx: Context, flags: TargetFlags): Promise<ExitCode> {
  const checks = await findings(ctx, flags)
  const ok = checks.every(({ status }) => status !== 'failed')
  ctx.json({ kind: 'doctor', ok, checks })
  if (!ctx.globals.json) for (const line of lines(checks, ctx.style)) ctx.say(line)
  return ok ? exitCodes.success : exitCodes.failure
}

async function findings(ctx: Context, flags: TargetFlags): Promise<Finding[]> {
  const [{ failed, messageOf }, { checkMachine }, state, { checkRecords, checkTargets }] = await Promise.all([
    import('../doctor/check.js'),
    import('../doctor/machine.js'),
    import('../doctor/state.js'),
    import('../doctor/engine.js'),
  ])
  const found = await checkMachine(ctx.io.env)
  try {
    const composition = withTargetFlags(await compositionHere(ctx), flags)
    const stateDir = stateDirOf(ctx, composition)
    found.push(...(await state.checkStateFolder(stateDir)))
    const { engine, store, targets, parts = [] } = await ctx.deps.compose({ stateDir, composition })
    try {
      found.push(await state.checkStore(store))
      if (composition.secrets === undefined) found.push(await state.checkSecretKey(stateDir, store, ctx.io.env))
      // First the records: a keeper that is down comes back by this, if it can.
      const records = await checkRecords(engine)
      found.push(...(await checkTargets(targets, parts)), ...records)
    } finally {
      await engine.close()
    }
  } catch (error) {
    found.push(failed('composition', messageOf(error), 'Mend the configuration.'))
  }
  return found
}

function lines(checks: readonly Finding[], style: Style): string[] {
  const mark = { passed: style.green('✔'), warning: style.yellow('⚠'), failed: style.red('✖') }
  const rows = table(checks.map(({ id, status, message }) => [`${mark[status]} ${id}`, clean(message)]))
  return checks.flatMap(({ fix }, index) => [
    rows[index] as string,
    ...(fix === undefined ? [] : [`    ${style.bold('fix:')} ${hintText(fix)}`]),
  ])
}
