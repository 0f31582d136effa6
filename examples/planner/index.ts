import { type Planner, reason } from '@appaloft/core/spec'

/** Runs main.ts with Deno, where the folder has a deno.json. */
export const deno = (): Planner => ({
  specVersion: 1,
  key: 'deno',

  async detect({ tree }) {
    if (!(await tree.has('deno.json'))) return null
    return {
      basis: 'generic',
      supportTier: 'generic',
      reason: 'It has a deno.json.',
      evidence: [{ kind: 'file', file: 'deno.json', signal: 'deno.json' }],
      artifactKind: 'workspace',
    }
  },

  async plan({ tree, baseDirectory, profiles }) {
    const start = profiles.runtime.startCommand
    if (!start && !(await tree.has('main.ts'))) return { blocked: [reason('missing-start-intent')] }

    const readsPort = /Deno\.env\.get\(['"]PORT['"]\)/.test((await tree.readText('main.ts')) ?? '')
    const given = profiles.network.internalPort
    const served = profiles.network.exposure !== 'none'
    // 8000 is what Deno.serve listens on by itself, but only PORT in the source proves that the number can be chosen
    if (served && !given && !readsPort) return { blocked: [reason('missing-internal-port')] }

    return {
      artifact: { kind: 'workspace', installDirectory: baseDirectory, workingDirectory: baseDirectory },
      runtime: { family: 'deno', version: '*' },
      commands: {
        start: start
          ? { command: start, from: 'profile' }
          : { command: ['deno', 'run', '--allow-net', '--allow-env', 'main.ts'], from: 'planner' },
      },
      network: {
        ...(served ? { internalPort: given ?? 8000 } : {}),
        from: !served ? 'none' : given ? 'profile' : 'planner',
        honoursPort: profiles.network.honoursPort ?? readsPort,
      },
      evidence: readsPort ? [{ kind: 'source-text', file: 'main.ts', signal: 'Deno.env.get("PORT")' }] : [],
      warnings: [],
    }
  },
})
