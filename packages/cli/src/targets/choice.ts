import { type Command, Option } from 'commander'
import type { CompositionConfig } from '../config/define.js'
import { CliError, usageError } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { text } from '../project/profile-flags.js'
import type { DockerChoice } from './config.js'

export interface TargetFlags {
  target?: string
  proxy?: 'embedded' | 'caddy'
}

/** Adds the flags that choose where releases run. */
export const addTargetFlags = (command: Command, verb: string): Command =>
  command
    .option(
      '--target <key>',
      `the target to ${verb}: process (default), docker, or one of the configuration’s targets by its key`,
      text,
    )
    .addOption(
      new Option('--proxy <name>', 'what routes to releases in Docker (default: embedded)').choices([
        'embedded',
        'caddy',
      ]),
    )

/** The composition with the flags laid over it. Where the configuration has `targets` of its own, a flag only names one of them. */
export function withTargetFlags(composition: CompositionConfig, { target, proxy }: TargetFlags): CompositionConfig {
  if (composition.targets !== undefined) {
    if (proxy !== undefined)
      throw usageError('--proxy goes with the targets of the command; the configuration has its own.')
    return composition
  }
  if (target !== undefined && target !== 'process' && target !== 'docker')
    throw new CliError('target-not-found', `There is no target ${target}; there are: process, docker.`, {
      exitCode: exitCodes.notFound,
      hint: 'Name one of them, or compose one in targets of appaloft.config.ts.',
    })
  const asked: CompositionConfig = {
    ...composition,
    ...(target === undefined ? {} : { target }),
    ...(proxy === undefined ? {} : { proxy }),
  }
  // A flag for once: what the file says of the proxy is for the target that it names.
  if (target === 'process' && proxy === undefined) delete asked.proxy
  if (asked.proxy === 'caddy' && asked.target !== 'docker')
    throw usageError(
      'Caddy serves releases in Docker: --proxy caddy goes with --target docker.',
      'Add --target docker.',
    )
  return asked
}

/** How releases run in Docker, by the configuration, else as it was before. Null: nothing asks for Docker. */
export function dockerChoice(
  { target, proxy, docker, caddy }: CompositionConfig,
  remembered: DockerChoice | null,
): DockerChoice | null {
  if (target !== 'docker') return remembered
  return {
    proxy: proxy ?? remembered?.proxy ?? 'embedded',
    docker: docker ?? remembered?.docker ?? {},
    caddy: caddy ?? remembered?.caddy ?? {},
  }
}
