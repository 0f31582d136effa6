import { resourceDefinitionSchema } from '@appaloft/core/spec'
import { CliError } from '../errors.js'
import { caddyConfigSchema, dockerConfigSchema, sshConfigSchema } from '../targets/config.js'
import { proxyKeys, targetKeys } from '../targets/keys.js'
import type { CompositionConfig, ResourceConfig } from './define.js'

export interface Issue {
  path: string
  message: string
}

const ofTargets = ['target', 'proxy', 'docker', 'ssh', 'caddy'] as const

const compositionFields: Readonly<Record<keyof Required<CompositionConfig>, (value: unknown) => boolean>> = {
  target: (value) => targetKeys.some((one) => one === value),
  proxy: (value) => proxyKeys.some((one) => one === value),
  docker: isObject,
  ssh: isObject,
  caddy: isObject,
  store: isObject,
  targets: Array.isArray,
  planners: Array.isArray,
  secrets: isObject,
  credentials: isObject,
  concurrency: (value) => value === 'supersede' || value === 'wait' || value === 'reject',
  identity: (value) => value === 'always' || value === 'verified',
  retention: (value) => Number.isInteger(value) && (value as number) >= 1,
  stateDir: (value) => typeof value === 'string' && value !== '',
}

const resourceSchema = resourceDefinitionSchema.partial({ source: true })

export interface ValidConfig {
  composition: CompositionConfig
  /** By name; a file with one resource has it under the empty name. */
  resources: Map<string, ResourceConfig>
}

export interface ValidateOptions {
  env: Readonly<Record<string, string | undefined>>
  /** Look at the parts of the engine alone: a fault in a resource must not keep anyone from reading logs. */
  compositionOnly?: boolean
}

/** Refuses every unknown field and every wrong value at once, each with its path. */
export function validateConfig(value: unknown, file: string, options: ValidateOptions): ValidConfig {
  const { env } = options
  const issues: Issue[] = []
  if (!isObject(value)) throw invalid(file, [{ path: '', message: 'expected an object as the default export' }])
  const composition: Record<string, unknown> = {}
  const rest: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(value)) {
    if (field === undefined || key === '$schema') continue
    if (!Object.hasOwn(compositionFields, key)) rest[key] = field
    else if (compositionFields[key as keyof CompositionConfig](field)) composition[key] = field
    else issues.push({ path: key, message: 'not what this field takes' })
  }
  checkTargets(composition, issues)
  const resources = new Map<string, ResourceConfig>()
  if (options.compositionOnly) {
    if (issues.length > 0) throw invalid(file, issues)
    return { composition, resources }
  }
  if (rest.resources === undefined) {
    resources.set('', checkResource(rest, '', env, issues))
  } else if (!isObject(rest.resources) || Object.keys(rest.resources).length === 0) {
    issues.push({ path: 'resources', message: 'expected at least one resource by name' })
  } else {
    for (const key of Object.keys(rest)) {
      if (key !== 'resources') issues.push({ path: key, message: 'not beside resources: write it into each resource' })
    }
    for (const [name, resource] of Object.entries(rest.resources)) {
      resources.set(name, checkResource(resource, `resources.${name}.`, env, issues))
    }
  }
  if (issues.length > 0) throw invalid(file, issues)
  return { composition, resources }
}

function checkTargets(composition: CompositionConfig, issues: Issue[]): void {
  const { target, proxy, docker, ssh, caddy } = composition
  for (const [name, schema, value] of [
    ['docker', dockerConfigSchema, docker],
    ['ssh', sshConfigSchema, ssh],
    ['caddy', caddyConfigSchema, caddy],
  ] as const) {
    const result = value === undefined ? undefined : schema.safeParse(value)
    if (result?.success === false) issues.push(...issuesOf(result.error.issues, `${name}.`))
  }
  if (composition.targets !== undefined) {
    for (const path of ofTargets)
      if (composition[path] !== undefined) issues.push({ path, message: 'not beside targets: say it there' })
    return
  }
  if (ssh !== undefined && target !== 'ssh') issues.push({ path: 'ssh', message: "goes with target 'ssh'" })
  if (docker !== undefined && target !== 'docker') issues.push({ path: 'docker', message: "goes with target 'docker'" })
  if (target === 'ssh') {
    if (proxy === 'embedded') issues.push({ path: 'proxy', message: 'embedded is on this machine: leave it out' })
    if (caddy?.admin !== undefined && caddy.root === undefined)
      issues.push({ path: 'caddy.root', message: 'needed with admin: a folder on the machine' })
    return
  }
  if (proxy === 'caddy' && target !== 'docker')
    issues.push({ path: 'proxy', message: "caddy goes with target 'docker' or 'ssh'" })
  if (caddy !== undefined && proxy !== 'caddy') issues.push({ path: 'caddy', message: "goes with proxy 'caddy'" })
}

function checkResource(
  value: unknown,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
  issues: Issue[],
): ResourceConfig {
  const result = resourceSchema.safeParse(withEnvironment(value, prefix, env, issues))
  if (result.success) return result.data
  issues.push(...issuesOf(result.error.issues, prefix))
  return {}
}

/** Reads `fromEnv`. What is no environment at all is left to the schema. */
function withEnvironment(
  value: unknown,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
  issues: Issue[],
): unknown {
  if (!isObject(value) || !isObject(value.environment)) return value
  const environment: Record<string, unknown> = {}
  for (const [name, variable] of Object.entries(value.environment)) {
    environment[name] = variable
    if (!isObject(variable) || variable.fromEnv === undefined) continue
    const path = `${prefix}environment.${name}`
    const { fromEnv, ...others } = variable
    const found = typeof fromEnv === 'string' ? env[fromEnv] : undefined
    if (others.value !== undefined) issues.push({ path, message: 'value and fromEnv exclude each other' })
    else if (found === undefined) issues.push({ path, message: `the variable ${String(fromEnv)} is not set` })
    environment[name] = { value: found ?? '', ...others }
  }
  return { ...value, environment }
}

interface SchemaIssue {
  code?: string
  path: PropertyKey[]
  message: string
  keys?: string[]
}

/** Zod's issues, an unknown field each with its own path. */
export function issuesOf(found: readonly SchemaIssue[], prefix = ''): Issue[] {
  return found.flatMap((issue) => {
    const path = issue.path.map(String).join('.')
    if (issue.code !== 'unrecognized_keys' || issue.keys === undefined) {
      return [{ path: prefix + path, message: issue.message }]
    }
    return issue.keys.map((key) => ({
      path: prefix + (path === '' ? key : `${path}.${key}`),
      message: 'there is no such field',
    }))
  })
}

function invalid(file: string, issues: Issue[]): CliError {
  return new CliError('config-invalid', `${file} is not valid.`, {
    hint: `Mend the ${issues.length === 1 ? 'field' : 'fields'} named above.`,
    details: { issues: issues.map((issue) => ({ ...issue })) },
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
