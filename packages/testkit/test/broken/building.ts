import type { Broken } from './broken.js'
import { type Application, base } from './scene.js'

// Sources whose build cannot end well.

const dockerfile = (text: string, rest: Application = {}): Application => ({
  network: { exposure: 'direct-port', internalPort: 3000 },
  ...rest,
  files: { Dockerfile: `${text}\n`, 'server.js': '', ...rest.files },
})
const manifest = (more: object) => JSON.stringify({ name: 'app', version: '1.0.0', ...more })
const lock = (more: object = {}) =>
  JSON.stringify({
    name: 'app',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'app', version: '1.0.0', ...more } },
  })
const workspace = (packageJson: object, runtime: Application['runtime'] = {}, lockfile = lock()): Application => ({
  network: { exposure: 'direct-port', internalPort: 3000 },
  runtime: { startCommand: ['node', 'server.js'], ...runtime },
  files: { 'package.json': manifest(packageJson), 'package-lock.json': lockfile, 'server.js': '' },
})

/** A dependency that nobody put into the lockfile. */
const outOfStep = (): Application => {
  const application = workspace({ dependencies: { tool: 'file:tool' } })
  return { ...application, files: { ...application.files, 'tool/package.json': manifest({ name: 'tool' }) } }
}

const ofWorkspaces: Broken[] = [
  {
    name: 'build-command',
    application: () => workspace({ scripts: { build: "echo 'type error' && exit 2" } }),
    code: 'build-failed',
    field: 'runtime.buildCommand',
    log: 'type error',
    message: /exit code 2/,
    cause: 'build',
    sample: true,
  },
  {
    name: 'script-missing',
    application: () => workspace({}, { buildCommand: 'npm run bundle' }),
    code: 'build-failed',
    field: 'runtime.buildCommand',
    log: 'Missing script',
    cause: 'build',
  },
  {
    name: 'lockfile-out-of-step',
    application: () => outOfStep(),
    code: 'lockfile-out-of-step',
    field: 'runtime.installCommand',
    hint: /commit the lockfile/,
    cause: 'build',
    sample: true,
  },
  {
    name: 'build-out-of-memory',
    application: () =>
      workspace(
        {},
        { buildCommand: ['node', '--max-old-space-size=24', '-e', 'const a = []; for (;;) a.push([a.length])'] },
      ),
    code: 'out-of-memory',
    field: 'environment',
    hint: /NODE_OPTIONS/,
    cause: 'build',
  },
  {
    name: 'build-killed',
    application: () => workspace({}, { buildCommand: `node -e "process.kill(process.pid, 'SIGKILL')"; exit $?` }),
    code: 'out-of-memory',
    field: 'runtime.buildCommand',
    cause: 'build',
  },
  {
    name: 'build-tool-missing',
    application: () => workspace({}, { buildCommand: ['make', 'all'] }),
    code: 'command-not-found',
    field: 'runtime.buildCommand',
    message: /make/,
    cause: 'build',
  },
  {
    name: 'publish-directory-missing',
    application: () => ({
      network: { exposure: 'proxy' },
      runtime: { buildCommand: ['node', '-e', '0'], publishDirectory: 'dist' },
      files: { 'package.json': manifest({}), 'package-lock.json': lock() },
    }),
    code: 'publish-directory-missing',
    field: 'runtime.publishDirectory',
    cause: 'build',
  },
]

const ofDockerfiles: Broken[] = [
  {
    name: 'dockerfile-syntax',
    application: () => dockerfile(`FROM ${base}\nRUNN echo hello`),
    code: 'dockerfile-invalid',
    field: 'runtime.dockerfilePath',
    cause: 'call',
    sample: true,
  },
  {
    name: 'copy-of-a-missing-file',
    application: () => dockerfile(`FROM ${base}\nCOPY dist/server.js /srv/\nCMD ["node", "/srv/server.js"]`),
    code: 'dockerfile-invalid',
    field: 'runtime.dockerfilePath',
    message: /dist\/server\.js/,
    cause: 'call',
  },
  {
    name: 'copy-from-a-stage-without-it',
    application: () => dockerfile(`FROM ${base} AS build\nFROM ${base}\nCOPY --from=build /dist /srv/`),
    code: 'build-failed',
    field: 'runtime.dockerfilePath',
    message: /\/dist/,
    cause: 'build',
  },
  {
    name: 'build-target-unknown',
    application: () => dockerfile(`FROM ${base} AS final`, { runtime: { buildTarget: 'production' } }),
    code: 'build-target-not-found',
    field: 'runtime.buildTarget',
    cause: 'call',
  },
  {
    name: 'build-argument-missing',
    application: () => dockerfile('ARG BASE\nFROM $BASE\nCMD ["node"]'),
    code: 'dockerfile-invalid',
    field: 'runtime.buildArgs.BASE',
    cause: 'call',
  },
  {
    name: 'build-argument-empty',
    application: () =>
      dockerfile(`FROM ${base}\nARG VERSION\nRUN test -n "$VERSION" || { echo "VERSION is not set"; exit 1; }`),
    code: 'build-failed',
    field: 'runtime.buildArgs',
    hint: /VERSION/,
    cause: 'build',
  },
  {
    name: 'build-secret-missing',
    application: () => dockerfile(`FROM ${base}\nRUN --mount=type=secret,id=NPM_TOKEN,required=true true`),
    code: 'build-failed',
    field: 'environment',
    hint: /NPM_TOKEN/,
    cause: 'build',
  },
  {
    name: 'dockerfile-step',
    application: () => dockerfile(`FROM ${base}\nRUN echo broken && exit 7`),
    code: 'build-failed',
    field: 'runtime.dockerfilePath',
    message: /exit code 7/,
    log: 'broken',
    cause: 'build',
    sample: true,
  },
  {
    name: 'base-image-unknown',
    application: () => dockerfile('FROM 127.0.0.1:9/nowhere:1\nCMD ["node"]'),
    code: 'registry-unreachable',
    field: 'source',
    cause: 'build',
  },
]

export const building = [...ofWorkspaces, ...ofDockerfiles]
