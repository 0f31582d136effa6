import { basename, dirname, resolve } from 'node:path'
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
  return { ...valid, file: absolute, folder }
}
