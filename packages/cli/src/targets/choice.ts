import { type Command, Option } from 'commander'
import type { CompositionConfig } from '../config/define.js'
import { CliError, usageError } from '../errors.js'
import { exitCodes } from '../exit-codes.js'
import { collect } from '../project/flags.js'
import { text } from '../project/profile-flags.js'
import type { DockerChoice } from './config.js'
import { targetKeys } from './keys.js'
import { isMachineKey, namedMachines, parseMachine } from './machines.js'

export interface TargetFlags {
  target?: string
  proxy?: 'embedded' | 'caddy'
  host?: string[]
  acceptNewHostKey?: boolean
}

/** Adds the flags that choose where releases run. */
export const addTargetFlags = (command: Command, verb: string): Command =>
  command
    .option(
      '--target <key>',
      `the target to ${verb}: process (default), docker, ssh, or one of the configuration’s targets by its key`,
      text,
    )
    .option('--host <user@host>', 'the machine that ssh reaches, with :PORT where it needs one', collect)
    .option('--accept-new-host-key', 'trust a machine that known_hosts does not know yet, and write its key there')
    .addOption(
      new Option(
        '--proxy <name>',
        'what routes to releases in containers (default: embedded; with ssh: caddy)',
      ).choices(['embedded', 'caddy']),
    )

/** The flags that were given, for a process of its own. */
export const givenTargetFlags = ({ target, proxy, host, acceptNewHostKey }: TargetFlags): TargetFlags => ({
  ...(target === undefined ? {} : { target }),
  ...(proxy === undefined ? {} : { proxy }),
  ...(host === undefined ? {} : { host }),
  ...(acceptNewHostKey === undefined ? {} : { acceptNewHostKey }),
})

/** The composition with the flags laid over it. Where the configuration has `targets` of its own, a flag only names one of them. */
export function withTargetFlags(composition: CompositionConfig, flags: TargetFlags): CompositionConfig {
  const { proxy, host, acceptNewHostKey } = flags
  if (composition.targets !== undefined) {
    for (const [name, value] of Object.entries({ proxy, host, 'accept-new-host-key': acceptNewHostKey }))
      if (value !== undefined)
        throw usageError(`--${name} goes with the targets of the command; the configuration has its own.`)
    return composition
  }
  const machine = flags.target !== undefined && isMachineKey(flags.target)
  if (machine && host !== undefined)
    throw usageError('--host and the machine in --target exclude each other.', 'Name the machine once.')
  const hosts = machine ? [flags.target!.slice('ssh:'.length)] : host
  const target = machine || (host !== undefined && flags.target === undefined) ? 'ssh' : flags.target
  if (target !== undefined && !isTargetKey(target))
    throw new CliError('target-not-found', `There is no target ${target}; there are: ${targetKeys.join(', ')}.`, {
      exitCode: exitCodes.notFound,
      hint: 'Name one of them, or compose one in targets of appaloft.config.ts.',
    })
  const asked: CompositionConfig = {
    ...composition,
    ...(target === undefined ? {} : { target }),
    ...(proxy === undefined ? {} : { proxy }),
  }
  // A flag for once: what the file says of the proxy is for the target that it names.
  if (target !== undefined && target !== (composition.target ?? 'process')) {
    if (proxy === undefined) delete asked.proxy
    delete asked.caddy
  }
  if (asked.target !== 'ssh') {
    if (host !== undefined || acceptNewHostKey)
      throw usageError(
        `--${host === undefined ? 'accept-new-host-key' : 'host'} goes with --target ssh.`,
        'Add --target ssh.',
      )
    if (asked.proxy === 'caddy' && asked.target !== 'docker')
      throw usageError(
        'Caddy serves releases in Docker: --proxy caddy goes with --target docker or ssh.',
        'Add --target docker.',
      )
    return asked
  }
  if (asked.proxy === 'embedded')
    throw usageError(
      'The embedded proxy runs on this machine, and cannot serve what runs on another.',
      'Leave --proxy out: Caddy serves on the machine itself.',
    )
  return { ...asked, ssh: { ...withHosts(asked.ssh, hosts), ...(acceptNewHostKey && { knownHosts: 'accept-new' }) } }
}

const isTargetKey = (target: string): target is (typeof targetKeys)[number] => targetKeys.some((one) => one === target)

/** What the file says of a machine's address is of no other one. */
function withHosts(ssh: CompositionConfig['ssh'] = {}, hosts: readonly string[] | undefined): CompositionConfig['ssh'] {
  if (hosts === undefined) return ssh
  const { destination: _, hosts: __, address, port, ...rest } = ssh
  const name = (machine: string) => parseMachine(machine).destination
  const known = namedMachines(ssh).map(name)
  const same = hosts.every((one) => known.includes(name(one)))
  return { ...rest, ...(same && { ...(address && { address }), ...(port && { port }) }), hosts: [...hosts] }
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
