/** What must hold after every step of every run. */
export const invariants = {
  'verified-traffic': 'User traffic only ever reaches a release whose process, health and route checks passed.',
  'old-release-kept':
    'The old release is not stopped before the promotion is durable and access has passed, and can take the traffic back until then.',
  'one-live-release':
    'When nothing is running, each resource has at most one live release per target, and nothing else of it runs.',
  'served-when-succeeded': 'Succeeded means: observed, after promotion, being served by this attempt.',
  'sequence-without-holes': 'Events of a deployment are numbered 1, 2, 3, … without holes.',
  'everything-ends':
    'Every attempt ends, also when its process is killed at any instant and another engine takes over.',
  'fenced-effects': 'No effect of a former holder happens after the first effect of a later one.',
  'one-past-planning': 'At most one attempt per resource and target is past planning.',
  'newer-wins': 'An attempt never takes the place of a newer one.',
  'legal-transition': 'A status follows another only as the contract allows.',
  'final-is-final': 'Terminal states are final, and nothing is appended after deployment-finished.',
  'paired-events': 'Each -started has exactly one -succeeded or -failed, before deployment-finished.',
  'no-request-lost':
    'With exposure proxy and overlap no user request fails while a live release exists whose process did not die by itself.',
  'identity-true': 'The identity that the proxy tells is that of the release that answered.',
  'rollback-truth': 'rollback.outcome is what is observed: the former release serves, and the candidate is gone.',
  'candidate-removed': 'An attempt that did not succeed leaves nothing running, where its rollback did not fail.',
  'lease-kept': 'An engine that lives and is not hindered keeps its leases.',
  'interrupted-means-gone': 'An attempt ends interrupted only where its engine died, or was hindered for long.',
  'done-is-terminal': 'A handle resolves to a deployment that has ended, and to the recorded one.',
  'followers-see-all': 'Followers see every event once and in order, wherever and how often they connect again.',
  'bus-equals-store': 'The events told inside a process are those of the store.',
  'typed-errors': 'Verbs are refused with documented codes alone.',
  'verbs-keep-their-word': 'A verb that was taken has done what it says.',
  'retained-can-start': 'What a retained release needs to start is kept.',
  'retention-kept': 'Only what is beyond retention is let go of.',
  'nothing-left': 'A resource that was removed has left neither routes nor running releases nor builds.',
  'routes-equal-record': 'When nothing is running, the routes are those of the last recorded promotion.',
  'machine-tells': 'When nothing is running, the machine tells of what is live, and of nothing that never was.',
  'stores-agree':
    'When nothing is running and the machine tells of its releases, each store knows what is live there, and can go back to it.',
  'not-wedged': 'When nothing is running, a deployment of a healthy release succeeds.',
  'no-stray-rejection': 'No promise is rejected that nobody listens to.',
} as const
/** What one store's engines promise of the machine as long as no other's change it. */
export const ofOneStore: ReadonlySet<InvariantId> = new Set<InvariantId>([
  'one-live-release',
  'old-release-kept',
  'rollback-truth',
  'candidate-removed',
  'interrupted-means-gone',
  'retained-can-start',
  'retention-kept',
  'nothing-left',
  'routes-equal-record',
])

export type InvariantId = keyof typeof invariants

export interface Violation {
  invariant: InvariantId
  /** The invariant in words. */
  words: string
  /** What was seen. */
  message: string
  /** After how many steps, and when in virtual milliseconds. */
  step: number
  at: number
}
