import { existsSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Preview } from '@appaloft/core/spec'
import { Option } from 'commander'
import { configNames } from '../config/find.js'
import type { Context } from '../context.js'
import { withEngine } from '../engine.js'
import { CliError, usageError } from '../errors.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { addTargetFlags, type TargetFlags, withTargetFlags } from '../targets/choice.js'
import type { SshConfig } from '../targets/config.js'
import { parseMachine } from '../targets/machines.js'
import type { Register } from './register.js'

interface InitFlags extends TargetFlags {
  format: 'ts' | 'json'
  force?: boolean
}

export const init: Register = (program, run) => {
  const command = program
    .command('init')
    .description('write a configuration file for the application in PATH (default: this folder)')
    .argument('[path]')
    .addOption(new Option('--format <format>', 'the kind of file').choices(['ts', 'json']).default('ts'))
    .option('--force', 'replace a file that is there')
  addTargetFlags(command, 'write down').action(run(write))
}

async function write(ctx: Context, path: string | undefined, flags: InitFlags): Promise<ExitCode> {
  const folder = resolve(ctx.io.cwd, path ?? '.')
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw usageError(`${path} is not a folder.`, 'Run it in the folder of the application, or name that folder.')
  }
  const file = join(folder, `appaloft.config.${flags.format}`)
  const others = configNames.map((name) => join(folder, name)).filter((name) => name !== file && existsSync(name))
  if (others[0] !== undefined || (existsSync(file) && !flags.force)) {
    const name = basename(others[0] ?? file)
    throw new CliError('already-exists', `There is a ${name} already.`, {
      hint: others[0] === undefined ? 'Pass --force to replace it.' : `Remove ${name} first: one file counts.`,
    })
  }
  const { selectResources } = await import('../project/project.js')
  const { initialConfig } = await import('../config/initial.js')
  const wanted = withTargetFlags({}, flags)
  const found = await withEngine(ctx, wanted, async ({ engine, store }) => {
    const source = { kind: 'local-folder', path: folder } as const
    const project = { configFile: null, composition: {}, resources: [{ name: '', config: { source } }] }
    const [definition] = await selectResources(project, {}, ctx.io, (id) => store.getResource(id))
    if (definition === undefined) throw usageError('Nothing to describe.')
    return { id: definition.id, preview: await engine.deployments.plan({ resource: definition }) }
  })
  const where = { ...wanted, ...(wanted.ssh && { ssh: namedOnce(wanted.ssh) }) }
  writeFileSync(file, initialConfig(found.id, found.preview, flags.format, where), { flag: flags.force ? 'w' : 'wx' })
  ctx.json({ kind: 'initialized', file: basename(file), resourceId: found.id, preview: found.preview })
  ctx.say(`${ctx.style.green('✔')} ${basename(file)} written for ${found.id} ${ctx.style.dim(summary(found.preview))}`)
  ctx.say(`  ${next(found.preview)}`)
  return exitCodes.success
}

/** As people write it: one machine is no list. */
function namedOnce({ hosts = [], ...rest }: SshConfig): SshConfig {
  const [only, ...others] = hosts
  return { ...(only !== undefined && others.length === 0 ? parseMachine(only) : { hosts }), ...rest }
}

const summary = ({ framework, runtime, planner }: Preview): string =>
  [framework?.name, runtime?.family, planner && `planner ${planner.key}`].filter(Boolean).join(', ')

const next = ({ readiness, unsupportedReasons }: Preview): string =>
  readiness.status === 'blocked'
    ? `It cannot be deployed yet (${unsupportedReasons.map(({ code }) => code).join(', ')}): see appaloft plan`
    : 'Now: appaloft plan to see what would happen, appaloft up to deploy'
