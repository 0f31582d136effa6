import { type Case, here, type Situation } from './scene.js'

const server = `require('node:http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT ?? 4000)\n`
/** A Node application that is ready to deploy. */
export const application: Record<string, string> = {
  'package.json': JSON.stringify({ name: 'app', version: '1.0.0', scripts: { start: 'node server.js' } }),
  'package-lock.json': JSON.stringify({ name: 'app', lockfileVersion: 3, packages: {} }),
  'server.js': server,
}
/** The same with fields of its package.json added or replaced. */
export const applicationWith = (fields: object, files: Record<string, string> = {}): Record<string, string> => ({
  ...application,
  'package.json': JSON.stringify({ ...JSON.parse(application['package.json']!), ...fields }),
  ...files,
})
export const withFiles =
  (files: Record<string, string>) =>
  (before: Situation): Situation => ({ ...before, files: { ...before.files, ...files } })
export const without =
  (...names: string[]) =>
  (before: Situation): Situation => ({
    ...before,
    files: Object.fromEntries(Object.entries(before.files).filter(([name]) => !names.includes(name))),
  })

const below = (folder: string, files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))
const repository = { files: application, repository: true as const }
const remote = (url: string) => ({ kind: 'git-repository' as const, url })

export const detectCases: Case[] = [
  {
    code: 'source-unreadable',
    situation: { files: {} },
    fixes: [withFiles(application)],
  },
  {
    code: 'credentials-in-url',
    situation: {
      files: {},
      source: { kind: 'docker-image', image: 'robot:hunter2@ghcr.io/acme/web:1' },
      profiles: { network: { internalPort: 8080 } },
      target: 'containers',
    },
    fixes: [(before) => ({ ...before, source: { kind: 'docker-image', image: 'ghcr.io/acme/web:1' } })],
  },
  {
    code: 'git-auth-failed',
    situation: { ...repository, source: remote(`git@git.example:${here}`), credential: { privateKey: 'WRONG' } },
    fixes: [(before) => ({ ...before, credential: { privateKey: 'RIGHT' } })],
  },
  {
    code: 'git-host-unreachable',
    situation: { ...repository, source: remote(`git@down.example:${here}`), credential: { privateKey: 'RIGHT' } },
    fixes: [(before) => ({ ...before, source: remote(`git@git.example:${here}`) })],
  },
  {
    code: 'git-ref-not-found',
    situation: { ...repository, source: { ...remote(`file://${here}`), gitRef: 'master' } },
    fixes: [(before) => ({ ...before, source: { ...remote(`file://${here}`), gitRef: 'main' } })],
  },
  {
    code: 'base-directory-not-found',
    situation: {
      files: below('apps/Shop', application),
      source: { kind: 'local-folder', path: here, baseDirectory: 'shop' },
    },
    fixes: [(before) => ({ ...before, files: below('shop', application) })],
  },
  {
    code: 'base-directory-escapes-source',
    situation: {
      files: below('shop', application),
      source: { kind: 'local-folder', path: here, baseDirectory: '../shop' },
    },
    fixes: [(before) => ({ ...before, source: { kind: 'local-folder', path: here, baseDirectory: 'shop' } })],
  },
  {
    code: 'ambiguous-framework-evidence',
    situation: { files: { ...below('shop', application), ...below('blog', application) } },
    fixes: [(before) => ({ ...before, files: below('shop', application) })],
  },
  {
    code: 'ambiguous-build-tool',
    situation: { files: { ...application, 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" } },
    fixes: [without('pnpm-lock.yaml'), withFiles(applicationWith({ packageManager: 'npm@10.8.0' }))],
  },
  {
    code: 'unsupported-framework',
    situation: {
      files: applicationWith(
        {
          scripts: { build: 'vite build' },
          dependencies: { '@sveltejs/kit': '2' },
          devDependencies: { '@sveltejs/adapter-auto': '3', vite: '6' },
        },
        {
          'svelte.config.js':
            "import adapter from '@sveltejs/adapter-auto'\nexport default { kit: { adapter: adapter() } }\n",
        },
      ),
    },
    fixes: [
      withFiles(
        applicationWith(
          {
            scripts: { build: 'vite build', start: 'node build' },
            dependencies: { '@sveltejs/kit': '2' },
            devDependencies: { '@sveltejs/adapter-node': '5', vite: '6' },
          },
          {
            'svelte.config.js':
              "import adapter from '@sveltejs/adapter-node'\nexport default { kit: { adapter: adapter() } }\n",
          },
        ),
      ),
    ],
  },
  {
    code: 'unsupported-runtime-family',
    situation: { files: { 'requirements.txt': 'flask\n', 'app.py': 'import flask\n' } },
    fixes: [
      (before) => ({
        ...withFiles({ Dockerfile: 'FROM python:3-slim\nCOPY app.py ./\nEXPOSE 8000\nCMD ["python", "app.py"]\n' })(
          before,
        ),
        target: 'containers',
      }),
    ],
  },
]
