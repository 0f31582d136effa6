import { homedir } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import type { SshConfig } from '../targets/config.js'
import { evaluateConfig } from './evaluate.js'
import { type ValidateOptions, type ValidConfig, validateConfig } from './validate.js'

export interface LoadedConfig extends ValidConfig {
  /** Absolute. */
  file: string
  folder: string
}

export async function loadConfig(file: string, options: ValidateOptions): Promise<LoadedConfig> {
  const absolute = resolve(file)
  const folder = dirname(absolute)
  const valid = validateConfig(await evaluateConfig(absolute), basename(absolute), options)
  const { stateDir } = valid.composition
  if (stateDir !== undefined) valid.composition.stateDir = resolve(folder, stateDir)
  const { ssh } = valid.composition
  if (ssh !== undefined) valid.composition.ssh = withPaths(ssh, folder, options.env.HOME || homedir())
  return { ...valid, file: absolute, folder }
}

/** Files of this machine are relative to the folder of the configuration. */
function withPaths(ssh: SshConfig, folder: string, home: string): SshConfig {
  const path = (given: string) => (given.startsWith('~/') ? resolve(home, given.slice(2)) : resolve(folder, given))
  const { identityFile, configFile, knownHosts } = ssh
  return {
    ...ssh,
    ...(identityFile !== undefined && { identityFile: path(identityFile) }),
    ...(configFile !== undefined && { configFile: path(configFile) }),
    ...(typeof knownHosts === 'object' && 'file' in knownHosts && { knownHosts: { file: path(knownHosts.file) } }),
  }
}
