import type { Planner } from '@appaloft/core'
import { application, applicationWith, withFiles, without } from './detect-cases.js'
import { type Case, fivePlanners } from './scene.js'

export const image = 'FROM node:22-slim\nCOPY server.js ./\nEXPOSE 8080\nCMD ["node", "server.js"]\n'
const withImage = (text: string) => ({ ...application, Dockerfile: text })
const shop = `services:
  web:
    image: example/web
    ports: ['8080:3000']
  api:
    image: example/api
    ports: ['8081:3001']
`

/** Claims what has a deno.json, as a stranger would. */
const stranger: Planner = {
  specVersion: 1,
  key: 'deno',
  async detect({ tree }) {
    if (!(await tree.has('deno.json'))) return null
    return { basis: 'generic', supportTier: 'generic', reason: 'a deno.json', evidence: [], artifactKind: 'workspace' }
  },
  async plan() {
    return {
      artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
      commands: { start: { command: 'deno task start', from: 'planner' } },
      network: { internalPort: 8000, from: 'planner', honoursPort: true },
      evidence: [],
      warnings: [],
    }
  },
}
const broken: Planner = {
  ...stranger,
  async detect() {
    throw new Error('It is broken.')
  },
}

export const planCases: Case[] = [
  {
    code: 'missing-start-intent',
    situation: {
      files: without('server.js')({ files: applicationWith({ scripts: {} }, { 'dist/a.txt': '' }) }).files,
    },
    fixes: [
      [
        withFiles({
          ...applicationWith({ scripts: { start: 'node server.js' } }),
          'server.js': application['server.js']!,
        }),
      ],
    ],
    values: { 'runtime.startCommand': 'PORT=$PORT ./server' },
  },
  {
    code: 'missing-build-intent',
    situation: {
      files: applicationWith(
        { scripts: { start: 'node dist/server.js' } },
        { 'src/server.js': application['server.js']! },
      ),
    },
    fixes: [[withFiles(applicationWith({ scripts: { start: 'node dist/server.js', build: 'cp -R src dist' } }))]],
  },
  {
    code: 'missing-artifact-output',
    situation: { files: { 'about.txt': '' }, profiles: { runtime: { publishDirectory: 'www' } } },
    fixes: [withFiles({ 'www/index.html': '' })],
  },
  {
    code: 'missing-internal-port',
    situation: { files: { ...application, 'server.js': "require('node:http').createServer().listen(4000)\n" } },
    fixes: [withFiles(application)],
  },
  {
    code: 'dockerfile-not-found',
    situation: {
      files: withImage(image),
      profiles: { runtime: { dockerfilePath: 'docker/Dockerfile' } },
      target: 'containers',
    },
    fixes: [withFiles({ 'docker/Dockerfile': image })],
  },
  {
    code: 'dockerfile-invalid',
    situation: { files: withImage(image.replace('COPY', 'COPPY')), target: 'containers' },
    fixes: [withFiles({ Dockerfile: image })],
  },
  {
    code: 'build-target-not-found',
    situation: {
      files: withImage(image.replace('slim', 'slim AS web')),
      profiles: { runtime: { buildTarget: 'wep' } },
      target: 'containers',
    },
    fixes: [withFiles({ Dockerfile: image.replace('slim', 'slim AS wep') })],
  },
  {
    code: 'compose-invalid',
    situation: {
      files: {
        'compose.yaml': 'services:\n  web: { imaje: example/web, ports: ["80:3000"] }\n',
        'docker-compose.prod.yml': 'services:\n  web: { image: example/web, ports: ["80:3000"] }\n',
      },
      target: 'containers',
    },
    fixes: [withFiles({ 'compose.yaml': 'services:\n  web: { image: example/web, ports: ["80:3000"] }\n' })],
  },
  {
    code: 'compose-target-service-missing',
    situation: { files: { 'compose.yaml': shop }, target: 'containers' },
    fixes: [withFiles({ 'compose.yaml': shop.replace("    ports: ['8081:3001']\n", '') })],
  },
  {
    code: 'image-reference-invalid',
    situation: {
      files: {},
      source: { kind: 'docker-image', image: 'https://ghcr.io/Acme/web' },
      profiles: { network: { internalPort: 80 } },
      target: 'containers',
    },
    fixes: [(before) => ({ ...before, source: { kind: 'docker-image', image: 'ghcr.io/acme/web' } })],
  },
  {
    code: 'incompatible-source-strategy',
    situation: {
      files: withImage(image),
      profiles: { runtime: { dockerfilePath: 'Dockerfile', buildCommand: 'npm run build' } },
      target: 'containers',
    },
    fixes: [
      (before) => ({
        ...withFiles({ Dockerfile: image.replace('EXPOSE', 'RUN npm run build\nEXPOSE') })(before),
        profiles: { runtime: { dockerfilePath: 'Dockerfile' } },
      }),
    ],
  },
  {
    code: 'unsupported-runtime-target',
    situation: { files: withImage(image), profiles: { runtime: { planner: 'dockerfile' } } },
    fixes: [(before) => ({ ...before, target: 'containers' })],
  },
  {
    code: 'unsupported-health-policy',
    situation: { files: application, profiles: { health: { type: 'command' } } },
    fixes: [[(before) => ({ ...before, profiles: { health: { type: 'http' } } })]],
  },
  {
    code: 'unsupported-access-policy',
    situation: { files: application, profiles: { access: { tls: 'auto', hostnames: ['a.example.com'] } } },
    fixes: [[(before) => ({ ...before, profiles: { access: { hostnames: ['a.example.com'] } } })]],
  },
  {
    code: 'hostname-invalid',
    situation: { files: application, profiles: { access: { hostnames: ['https://Shop.example.com/'] } } },
    fixes: [[(before) => ({ ...before, profiles: { access: { hostnames: ['shop.example.com'] } } })]],
  },
  {
    code: 'route-conflict',
    situation: {
      files: application,
      target: 'containers',
      other: { access: { hostnames: ['a.example.com'] } },
      profiles: { access: { hostnames: ['a.example.com'] } },
    },
    fixes: [
      [
        ({ other: _removed, ...before }) => before,
        (before) => ({ ...before, other: { access: { hostnames: ['b.example.com'] } } }),
      ],
    ],
  },
  {
    code: 'secret-in-build-scope',
    situation: {
      files: withImage(image.replace('COPY', 'ARG TOKEN\nRUN echo $TOKEN\nCOPY')),
      profiles: { environment: { TOKEN: { value: 'hunter2hunter2', secret: true, scope: 'build' } } },
      target: 'containers',
    },
    fixes: [
      withFiles({
        Dockerfile: image.replace('COPY', 'RUN --mount=type=secret,id=TOKEN,env=TOKEN echo $TOKEN\nCOPY'),
      }),
    ],
  },
  {
    code: 'ambiguous-planner',
    situation: { files: { ...application, 'deno.json': '{}' }, planners: [...fivePlanners(), stranger] },
    fixes: [[(before) => ({ ...before, profiles: { runtime: { planner: 'deno' } } })]],
  },
  {
    code: 'planner-failed',
    situation: { files: application, planners: [...fivePlanners(), broken] },
    fixes: [
      [
        (before) => ({ ...before, planners: [...fivePlanners(), stranger] }),
        (before) => ({ ...before, planners: fivePlanners() }),
      ],
    ],
  },
]
