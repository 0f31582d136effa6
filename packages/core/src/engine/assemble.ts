import type { HealthPolicy, Plan, PlannedAccess } from '../spec/plan.js'
import type { PlanDraft } from '../spec/planner.js'
import { defaultTimeouts, type ResourceSnapshot } from '../spec/profiles.js'
import { type Reason, reason } from '../spec/reasons.js'
import type { SourceIdentity } from '../spec/source.js'
import type { Target } from '../spec/target.js'

/** The health profile with its defaults. Without one, any answer below 500 on `/` is healthy. */
export function healthPolicy(definition: ResourceSnapshot): HealthPolicy {
  const { health, network } = definition
  const exposure = network?.exposure ?? 'proxy'
  const type =
    health?.type ?? (health?.command !== undefined ? 'command' : network?.upstreamProtocol === 'tcp' ? 'tcp' : 'http')
  return {
    enabled: health?.enabled ?? (exposure !== 'none' || health !== undefined),
    defaulted: health === undefined,
    type,
    path: health?.path ?? '/',
    ...(health?.port === undefined ? {} : { port: health.port }),
    method: health?.method ?? 'GET',
    ...(health === undefined ? {} : { expectedStatus: health.expectedStatus ?? 200 }),
    ...(health?.expectedText === undefined ? {} : { expectedText: health.expectedText }),
    ...(health?.command === undefined ? {} : { command: health.command }),
    intervalSeconds: health?.intervalSeconds ?? 5,
    timeoutSeconds: health?.timeoutSeconds ?? 5,
    retries: health?.retries ?? 10,
    startPeriodSeconds: health?.startPeriodSeconds ?? 5,
  }
}

/** The field that decides, and what it can be set to. */
const set = (affectedProfileField: string, example: string) => ({
  affectedProfileField,
  overridePath: [{ action: `Set ${affectedProfileField}.`, profileField: affectedProfileField, example }],
})

/** What may have been meant: without scheme, user, port and path, in lower case. */
function meantHostname(text: string): string {
  const host = text
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, '')
    .replace(/^[^/@]*@/, '')
    .replace(/[:/?#].*$/s, '')
    .replace(/[^a-z0-9._-]+/g, '-')
  const labels = host.split('.').map((one) => one.slice(0, 63).replace(/^-+|-+$/g, ''))
  const meant = labels.filter((one) => one !== '').join('.')
  return meant === '' || meant.length > 253 ? 'app.example.com' : meant
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

function accessOf(
  definition: ResourceSnapshot,
  target: Target | null,
  warnings: Reason[],
  reasons: Reason[],
): PlannedAccess {
  const access = definition.access ?? {}
  const proxy = target?.proxy?.capabilities
  const hostnames = access.hostnames ?? []
  for (const hostname of hostnames) {
    const wild = hostname.startsWith('*.')
    const labels = (wild ? hostname.slice(2) : hostname).split('.')
    if (hostname.length > 253 || !labels.every((one) => label.test(one)) || (wild && labels.length < 2)) {
      reasons.push(
        reason('hostname-invalid', {
          message: `${JSON.stringify(hostname)} is not a hostname in lower case.`,
          ...set('access.hostnames', meantHostname(hostname)),
        }),
      )
    } else if (wild && proxy && !proxy.wildcardHostnames) {
      reasons.push(
        reason('unsupported-access-policy', {
          message: `The proxy of this target serves no wildcard hostnames (${hostname}).`,
          ...set('access.hostnames', `www${hostname.slice(1)}`),
        }),
      )
    }
  }
  let tls = access.tls ?? (proxy?.tls === 'auto' ? 'auto' : 'off')
  if (tls === 'auto' && proxy && proxy.tls !== 'auto') {
    reasons.push(
      reason('unsupported-access-policy', {
        message: 'The proxy of this target offers no TLS.',
        ...set('access.tls', 'off'),
      }),
    )
    tls = 'off'
  } else if (access.tls === undefined && tls === 'off' && hostnames.length > 0) {
    warnings.push(reason('tls-not-offered', set('access.tls', 'off')))
  }
  return {
    hostnames,
    pathPrefix: access.pathPrefix ?? '/',
    pathHandling: access.pathHandling ?? 'preserve',
    ...(access.redirectTo === undefined ? {} : { redirectTo: access.redirectTo }),
    tls,
    requirePublic: access.requirePublic ?? false,
  }
}

/** The plan: what the planner found, under the profiles, for a target. */
export function assemble(input: {
  definition: ResourceSnapshot
  draft: PlanDraft
  planner: Plan['planner']
  source: SourceIdentity
  target: Target | null
}): { plan: Plan; warnings: Reason[]; reasons: Reason[] } {
  const { definition, draft, planner, source, target } = input
  const warnings = [...draft.warnings]
  const reasons: Reason[] = []
  const { runtime = {}, network = {} } = definition
  const exposure = network.exposure ?? 'proxy'
  const upstreamProtocol = network.upstreamProtocol ?? 'http'
  const access = accessOf(definition, target, warnings, reasons)
  const blocked = (message: string, field: string, ...ways: [field: string, example: string][]) =>
    reasons.push(
      reason('unsupported-access-policy', {
        message,
        overridePath: ways.map(([profileField, example]) => ({
          action: `Set ${profileField}.`,
          profileField,
          example,
        })),
        affectedProfileField: field,
      }),
    )
  const offered = target?.capabilities.exposures.filter((one) => one !== 'proxy' || target.proxy !== null) ?? []
  const exposures = offered
    // A port of the machine has to be given with it.
    .filter((one) => one !== exposure && (one !== 'direct-port' || network.hostPort !== undefined))
    .map((one): [string, string] => ['network.exposure', one])
  const hostPort = String(network.internalPort ?? draft.network.internalPort ?? 8080)
  if (upstreamProtocol === 'tcp' && exposure === 'proxy')
    blocked(
      'TCP cannot be served with exposure proxy; use direct-port, with network.hostPort.',
      'network.upstreamProtocol',
      ['network.upstreamProtocol', 'http'],
      ...(network.hostPort === undefined ? [] : [['network.exposure', 'direct-port'] as [string, string]]),
    )
  if (target !== null && !target.capabilities.exposures.includes(exposure))
    blocked(`The target ${target.key} offers no exposure ${exposure}.`, 'network.exposure', ...exposures)
  if (target !== null && exposure === 'proxy' && target.proxy === null)
    blocked(`The target ${target.key} has no proxy.`, 'network.exposure', ...exposures)
  if (target?.proxy && exposure === 'proxy' && access.hostnames.length === 0 && !target.proxy.capabilities.resourcePort)
    blocked('This proxy needs at least one hostname.', 'access.hostnames', ['access.hostnames', 'app.example.com'])
  if (exposure === 'direct-port' && network.hostPort === undefined)
    blocked('Exposure direct-port needs network.hostPort.', 'network.hostPort', ['network.hostPort', hostPort])
  const health = healthPolicy(definition)
  if (health.enabled && health.type === 'command' && health.command === undefined) {
    reasons.push(
      reason('unsupported-health-policy', {
        message: 'health.type is command and health.command is missing.',
        ...set('health.command', 'node health.js'),
      }),
    )
  }
  if (health.enabled && health.type === 'command' && target !== null && !target.capabilities.healthCommand) {
    reasons.push(
      reason('unsupported-health-policy', {
        message: `The target ${target.key} runs no health commands.`,
        ...set('health.type', upstreamProtocol === 'tcp' ? 'tcp' : 'http'),
      }),
    )
  }
  if (
    exposure === 'none' &&
    health.enabled &&
    health.type !== 'command' &&
    definition.health !== undefined &&
    health.port === undefined &&
    draft.network.internalPort === undefined
  ) {
    reasons.push(
      reason('unsupported-health-policy', {
        message: 'Without a port only a health command can be checked.',
        affectedProfileField: 'health.type',
        overridePath: [
          ...(definition.health.type === undefined
            ? [{ action: 'Set a command that checks.', profileField: 'health.command', example: 'node health.js' }]
            : []),
          { action: 'Or check that it runs, and no more.', profileField: 'health.enabled', example: 'false' },
        ],
      }),
    )
  }
  const internalPort = network.internalPort ?? draft.network.internalPort
  if (exposure !== 'none' && internalPort === undefined)
    reasons.push(reason('missing-internal-port', set('network.internalPort', '3000')))
  const fromProfile = (
    command: NonNullable<typeof runtime.startCommand> | undefined,
    planned: Plan['commands']['start'],
  ) => (command === undefined ? planned : { command, from: 'profile' as const })
  const commands = {
    install: fromProfile(runtime.installCommand, draft.commands.install),
    build: fromProfile(runtime.buildCommand, draft.commands.build),
    package: fromProfile(runtime.packageCommand, draft.commands.package),
    release: fromProfile(runtime.releaseCommand, draft.commands.release),
    start: fromProfile(runtime.startCommand, draft.commands.start),
  }
  const honoursPort = network.honoursPort ?? draft.network.honoursPort
  const targetServiceName = network.targetServiceName ?? draft.network.targetServiceName
  const plan: Plan = {
    resourceId: definition.id,
    target: target?.key ?? null,
    source,
    ...(draft.framework === undefined ? {} : { framework: draft.framework }),
    ...(draft.runtime === undefined ? {} : { runtime: draft.runtime }),
    planner,
    artifact: draft.artifact,
    commands: Object.fromEntries(Object.entries(commands).filter(([, one]) => one !== undefined)),
    network: {
      ...(internalPort === undefined ? {} : { internalPort }),
      from: network.internalPort !== undefined ? 'profile' : draft.network.from,
      honoursPort,
      upstreamProtocol,
      exposure,
      ...(network.hostPort === undefined ? {} : { hostPort: network.hostPort }),
      ...(targetServiceName === undefined ? {} : { targetServiceName }),
      drainSeconds: network.drainSeconds ?? 30,
    },
    health,
    access,
    environment: definition.environment ?? {},
    volumes: definition.volumes ?? [],
    binds: definition.binds ?? [],
    replicas: runtime.replicas ?? 1,
    resources: runtime.resources ?? {},
    overlap:
      (runtime.overlap ?? true) &&
      exposure !== 'direct-port' &&
      (honoursPort || target?.capabilities.network === 'own') &&
      (target?.capabilities.overlap ?? true),
    timeouts: { ...defaultTimeouts, ...definedOnly(runtime.timeouts ?? {}) },
  }
  return { plan, warnings, reasons }
}

const definedOnly = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
