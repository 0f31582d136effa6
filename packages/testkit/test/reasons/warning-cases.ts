// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how Compose files write variables
import { application, applicationWith, withFiles, without } from './detect-cases.js'
import { image } from './plan-cases.js'
import type { Case } from './scene.js'

const withImage = (text: string) => ({ files: { ...application, Dockerfile: text }, target: 'containers' as const })
const withCompose = (text: string) => ({ 'compose.yaml': `services:\n${text}` })
const web = "  web:\n    image: example/web\n    ports: ['8080:3000']\n"
const fixed = "require('node:http').createServer().listen(4000)\n"

export const warningCases: Case[] = [
  {
    code: 'no-lockfile',
    situation: { files: without('package-lock.json')({ files: applicationWith({ dependencies: { a: '1' } }) }).files },
    fixes: [withFiles({ 'package-lock.json': application['package-lock.json']! })],
  },
  {
    code: 'planner-not-for-target',
    situation: { files: { ...application, Dockerfile: image } },
    fixes: [(before) => ({ ...before, target: 'containers' })],
  },
  {
    code: 'no-overlap',
    situation: {
      files: { ...application, 'server.js': fixed },
      profiles: { network: { internalPort: 4000, honoursPort: false } },
    },
    fixes: [(before) => ({ ...withFiles(application)(before), profiles: {} })],
  },
  {
    code: 'shell-as-pid-1',
    situation: withImage(image.replace(/CMD.*/, 'CMD node server.js')),
    fixes: [
      withFiles({ Dockerfile: image }),
      withFiles({ Dockerfile: image.replace(/CMD.*/, 'CMD exec node server.js') }),
    ],
  },
  {
    code: 'compose-in-place-change',
    situation: { files: withCompose(`${web}  db:\n    image: postgres:16\n`), target: 'containers' },
    fixes: [withFiles(withCompose(web))],
  },
  {
    code: 'compose-volumes-kept',
    situation: {
      files: withCompose(`${web}    volumes: ['data:/data']\nvolumes: { data: {} }\n`),
      target: 'containers',
    },
    fixes: [withFiles(withCompose(`${web}    volumes: ['data:/data:ro']\nvolumes: { data: {} }\n`))],
  },
  {
    code: 'compose-variable-unset',
    situation: { files: withCompose(`${web}    environment: { LEVEL: '\${LEVEL}' }\n`), target: 'containers' },
    fixes: [withFiles(withCompose(`${web}    environment: { LEVEL: '\${LEVEL:-info}' }\n`))],
    values: { 'environment.LEVEL.value': 'info' },
  },
  {
    code: 'shared-volume-overlap',
    situation: { files: application, profiles: { volumes: [{ name: 'data', path: 'data' }] } },
    fixes: [[(before) => ({ ...before, profiles: { ...before.profiles, runtime: { overlap: false } } })]],
  },
  {
    code: 'development-start',
    situation: {
      files: applicationWith({ scripts: { start: 'nodemon server.js' }, devDependencies: { nodemon: '3' } }),
    },
    fixes: [[(before) => ({ ...before, profiles: { runtime: { startCommand: 'node server.js' } } })]],
    values: { 'runtime.startCommand': 'nodemon server.js' },
  },
  {
    code: 'development-stage',
    situation: withImage(`${image.replace('slim', 'slim AS prod')}FROM prod AS dev\n`),
    fixes: [[(before) => ({ ...before, profiles: { runtime: { buildTarget: 'prod' } } })]],
  },
  {
    code: 'tls-not-offered',
    situation: { files: application, profiles: { access: { hostnames: ['a.example.com'] } } },
    fixes: [[(before) => ({ ...before, profiles: { access: { hostnames: ['a.example.com'], tls: 'off' } } })]],
  },
  {
    code: 'runtime-version-mismatch',
    situation: { files: applicationWith({ engines: { node: '16.x' } }) },
    fixes: [[withFiles(applicationWith({ engines: { node: '>=16' } }))]],
  },
  {
    code: 'other-processes',
    situation: { files: { ...application, Procfile: 'web: node server.js\nworker: node worker.js\n' } },
    fixes: [[withFiles({ Procfile: 'web: node server.js\n' })]],
  },
  {
    code: 'package-manager-unclear',
    situation: { files: applicationWith({ packageManager: 'npm@^10' }) },
    fixes: [withFiles(applicationWith({ packageManager: 'npm@10.8.0' }))],
  },
  {
    code: 'install-scripts-blocked',
    situation: {
      files: applicationWith({ dependencies: { 'ffmpeg-static': '5' } }, { '.npmrc': 'ignore-scripts=true\n' }),
    },
    fixes: [withFiles({ '.npmrc': 'ignore-scripts=false\n' })],
  },
  {
    code: 'system-packages-needed',
    situation: { files: applicationWith({ dependencies: { 'fluent-ffmpeg': '2' } }) },
    fixes: [
      (before) => ({
        ...withFiles({ Dockerfile: image.replace('COPY', 'RUN apt-get install -y ffmpeg\nCOPY') })(before),
        target: 'containers',
      }),
    ],
  },
  {
    code: 'registry-credentials-needed',
    situation: { files: { ...application, '.npmrc': '//npm.example.com/:_authToken=${NPM_TOKEN}\n' } },
    fixes: [],
    values: { environment: { NPM_TOKEN: { value: 'hunter2hunter2', secret: true, scope: 'build' } } },
  },
  {
    code: 'registry-token-in-source',
    situation: { files: { ...application, '.npmrc': '//npm.example.com/:_authToken=hunter2hunter2\n' } },
    fixes: [
      (before) => ({
        ...withFiles({ '.npmrc': '//npm.example.com/:_authToken=${NPM_TOKEN}\n' })(before),
        profiles: { environment: { NPM_TOKEN: { value: 'hunter2hunter2', secret: true, scope: 'build' } } },
      }),
    ],
  },
  {
    code: 'setting-by-environment',
    situation: {
      files: applicationWith(
        { scripts: { build: 'next build', start: 'next start' }, dependencies: { next: '15.1.0', react: '19.0.0' } },
        { 'next.config.mjs': "export default { output: process.env.STATIC ? 'export' : undefined }\n" },
      ),
    },
    fixes: [withFiles({ 'next.config.mjs': "export default { output: 'export' }\n" })],
  },
  {
    code: 'hosting-rules-ignored',
    situation: { files: { 'index.html': '', _redirects: '/a /b 301\n' } },
    fixes: [[without('_redirects')]],
  },
]
