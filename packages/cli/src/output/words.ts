import type { Phase, Status, Step } from '@appaloft/core/spec'

/** What a step does, for people. */
export const stepTitles: Readonly<Record<Step, string>> = {
  source: 'reading the source',
  fence: 'taking over from other engines',
  build: 'building',
  upload: 'sending it to the target',
  'release-command': 'running the release command',
  start: 'starting the candidate',
  route: 'staging the route',
  process: 'waiting for the process',
  health: 'checking its health',
  'verify-route': 'checking the route',
  promote: 'moving the traffic',
  access: 'checking the access',
  drain: 'draining the old release',
  'restore-traffic': 'moving the traffic back',
  'remove-candidate': 'removing the candidate',
  'prove-previous': 'proving that the previous release serves',
}

export const phases: readonly Phase[] = ['detect', 'plan', 'execute', 'verify', 'rollback']

// Known here by name as well, since the schemas cost more to load than the rest of the command line.
const terminal: readonly Status[] = ['succeeded', 'failed', 'canceled', 'interrupted', 'superseded']
export const isTerminal = (status: Status): boolean => terminal.includes(status)
