/** Claims any image and runs it without asking for more. */
export const anyPlanner = {
  specVersion: 1,
  key: 'any',
  detect: async () => ({
    basis: 'explicit',
    supportTier: 'container-native',
    reason: 'It is an image.',
    evidence: [],
    artifactKind: 'image',
  }),
  plan: async () => ({
    artifact: { kind: 'image', image: 'registry.test/app:1' },
    commands: {},
    network: { internalPort: 80, from: 'planner', honoursPort: true },
    evidence: [],
    warnings: [],
  }),
}
