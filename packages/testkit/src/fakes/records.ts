import type {
  DeploymentRecord,
  Failure,
  Holder,
  NewEvent,
  Plan,
  ReleaseRecord,
  ResourceRecord,
  ResourceSnapshot,
  SealedSecret,
} from '@appaloft/core/spec'

// Valid records for tests, each as small as its schema allows, to be filled by overrides. Equal calls give equal records.

const at = '2024-01-01T00:00:00.000Z'

/** `sampleId('dep', 7)`: a valid id, growing with the number. */
export const sampleId = (prefix: 'dep' | 'rel' | 'eng', number: number): string =>
  `${prefix}_${String(number).padStart(26, '0')}`

export const sampleDefinition = (overrides: Partial<ResourceSnapshot> = {}): ResourceSnapshot => ({
  id: 'res_web',
  source: { kind: 'local-folder', path: '/srv/web' },
  ...overrides,
})

export const sampleResource = (
  overrides: Partial<Omit<ResourceRecord, 'stateVersion'>> = {},
): Omit<ResourceRecord, 'stateVersion'> => {
  const id = overrides.id ?? 'res_web'
  return {
    id,
    definition: sampleDefinition({ id }),
    variables: ['GREETING'],
    live: {},
    createdAt: at,
    updatedAt: at,
    ...overrides,
  }
}

export const samplePlan = (overrides: Partial<Plan> = {}): Plan => ({
  resourceId: 'res_web',
  target: 'local',
  source: { kind: 'local-folder', digest: 'a'.repeat(64), baseDirectory: '.' },
  planner: { key: 'static', supportTier: 'generic', reason: 'An index.html.' },
  artifact: { kind: 'static-site', publishDirectory: '.', spaFallback: false },
  commands: {},
  network: {
    internalPort: 80,
    from: 'planner',
    honoursPort: true,
    upstreamProtocol: 'http',
    exposure: 'proxy',
    drainSeconds: 30,
  },
  health: {
    enabled: true,
    defaulted: true,
    type: 'http',
    path: '/',
    method: 'GET',
    intervalSeconds: 5,
    timeoutSeconds: 5,
    retries: 10,
    startPeriodSeconds: 5,
  },
  access: { hostnames: [], pathPrefix: '/', pathHandling: 'preserve', tls: 'off', requirePublic: false },
  environment: {},
  volumes: [],
  binds: [],
  replicas: 1,
  resources: {},
  overlap: true,
  timeouts: { sourceSeconds: 300, buildSeconds: 1800, uploadSeconds: 900, startSeconds: 120, releaseSeconds: 600 },
  ...overrides,
})

/** As it is given to `createDeployment`: queued, without order and version. */
export const sampleDeployment = (
  overrides: Partial<Omit<DeploymentRecord, 'order' | 'version'>> = {},
): Omit<DeploymentRecord, 'order' | 'version'> => {
  const resourceId = overrides.resourceId ?? 'res_web'
  return {
    id: sampleId('dep', 1),
    resourceId,
    target: 'local',
    trigger: 'create',
    status: 'queued',
    currentPhase: null,
    request: {},
    definition: sampleDefinition({ id: resourceId }),
    sourceIdentity: null,
    plan: null,
    planFingerprint: null,
    releaseId: null,
    previous: null,
    token: null,
    journal: null,
    promotion: 'none',
    drain: 'none',
    checks: {},
    warnings: [],
    accessUrls: [],
    createdAt: at,
    ...overrides,
  }
}

export const sampleFailure = (overrides: Partial<Failure> = {}): Failure => ({
  code: 'process-exited',
  category: 'verification',
  phase: 'verify',
  step: 'process',
  message: 'The process exited with 1.',
  inputs: [{ profileField: 'runtime.startCommand', value: 'node server.js', from: 'profile' }],
  exitCode: 1,
  lastLogs: ['listening', 'bye'],
  recoveryHint: 'Look at the logs.',
  at,
  ...overrides,
})

export const sampleRelease = (overrides: Partial<ReleaseRecord> = {}): ReleaseRecord => {
  const resourceId = overrides.resourceId ?? 'res_web'
  const target = overrides.target ?? 'local'
  return {
    id: sampleId('rel', 1),
    resourceId,
    target,
    deploymentId: sampleId('dep', 1),
    plan: samplePlan({ resourceId, target }),
    planFingerprint: 'b'.repeat(64),
    artifact: {},
    state: 'candidate',
    createdAt: at,
    ...overrides,
  }
}

export const sampleEvent = (message = 'hello', overrides: Partial<NewEvent> = {}): NewEvent => ({
  type: 'log',
  at,
  message,
  data: {},
  ...overrides,
})

export const sampleHolder = (overrides: Partial<Holder> = {}): Holder => ({
  engineId: sampleId('eng', 1),
  deploymentId: sampleId('dep', 1),
  bootId: 'boot',
  pidNamespace: 'pid:[1]',
  pid: 100,
  startTime: '1',
  ...overrides,
})

export const sampleSecret = (overrides: Partial<SealedSecret> = {}): SealedSecret => ({
  resourceId: 'res_web',
  name: 'DATABASE_URL',
  version: 1,
  sealed: 'sealed-1',
  digest: 'c'.repeat(64),
  ...overrides,
})
