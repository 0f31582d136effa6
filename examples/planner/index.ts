import { type Planner, reason } from '@appaloft/core/spec'

/** Runs the web process of a Procfile, where the folder has a requirements.txt. */
export const python = (): Planner => ({
  specVersion: 1,
  key: 'python',

  async detect({ tree, baseDirectory, profiles: { runtime } }) {
    if (!(await tree.has('requirements.txt'))) return null
    const asked = runtime.planner === 'python' || runtime.startCommand !== undefined
    return {
      basis: asked ? 'explicit' : 'generic',
      supportTier: runtime.startCommand === undefined ? 'generic' : 'explicit-custom',
      reason: 'It has a requirements.txt.',
      evidence: [{ kind: 'file', file: within(baseDirectory, 'requirements.txt'), signal: 'requirements.txt' }],
      artifactKind: 'workspace',
    }
  },

  async plan({ tree, baseDirectory, profiles: { runtime, network } }) {
    const web = /^web:\s*(.+)$/m.exec((await tree.readText('Procfile')) ?? '')?.[1]
    const start = runtime.startCommand ?? web
    if (start === undefined)
      return {
        blocked: [
          reason('missing-start-intent', {
            message: 'There is a requirements.txt, and nothing says what to run.',
            fixPath: [{ action: 'Add a Procfile.', example: 'web: gunicorn app:app --bind 0.0.0.0:$PORT' }],
          }),
        ],
      }

    // 8000 is only a name for the port: that PORT is in the command proves that the number can be chosen.
    const takesPort = typeof start === 'string' && /\$PORT\b|\$\{PORT\b/.test(start)
    const served = network.exposure !== 'none'
    if (served && network.internalPort === undefined && !takesPort)
      return { blocked: [reason('missing-internal-port', { fixPath: [{ action: 'Take $PORT in the Procfile.' }] })] }

    return {
      artifact: { kind: 'workspace', installDirectory: baseDirectory, workingDirectory: baseDirectory },
      runtime: { family: 'python', version: runtime.runtimeVersion ?? '3' },
      commands: {
        install: runtime.installCommand
          ? { command: runtime.installCommand, from: 'profile' }
          : { command: ['pip', 'install', '--target', '.packages', '-r', 'requirements.txt'], from: 'planner' },
        start: runtime.startCommand
          ? { command: runtime.startCommand, from: 'profile' }
          : { command: `PYTHONPATH=.packages PATH="$PWD/.packages/bin:$PATH" ${start}`, from: 'planner' },
      },
      network: {
        ...(served ? { internalPort: network.internalPort ?? 8000 } : {}),
        from: !served ? 'none' : network.internalPort ? 'profile' : 'planner',
        honoursPort: network.honoursPort ?? takesPort,
      },
      evidence: web ? [{ kind: 'file', file: within(baseDirectory, 'Procfile'), signal: 'web', value: web }] : [],
      warnings: [],
    }
  },
})

const within = (directory: string, file: string) => (directory === '.' ? file : `${directory}/${file}`)
