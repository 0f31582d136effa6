import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Plan, ResourceDefinition } from '@appaloft/core/spec'
import { copyExpress, copyVite } from '../apps.js'

export const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
export const registry = process.env.APPALOFT_TEST_REGISTRY
const nodeMajor = process.versions.node.split('.')[0]!
export const nodeImage = `node:${nodeMajor}-slim`
/** What every definition says, so that the base image is one that is there. */
export const runtime = { runtimeVersion: nodeMajor }

export type Version = 'one' | 'two'

/** A way to bring an application, and how two of its releases are told apart. */
export interface Kind {
  name: string
  artifact: Plan['artifact']['kind']
  /** Deployed in every run of the tests: quick. */
  everyRun?: true
  /** Writes the sources of a version. `unique` is a word of this run. */
  write(folder: string, version: Version, unique: string): void
  /** Where it is not simply that folder. */
  source?(version: Version, unique: string): ResourceDefinition['source']
  profile?: Partial<ResourceDefinition>
  /** The version that the application shows. `get` asks a path of it. */
  read(get: (path: string) => Promise<string>): Promise<string | undefined>
}

const put = (folder: string, files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
const replace = (file: string, from: string, to: string) => {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`)
  writeFileSync(file, text.replace(from, to))
}
const fixture = (name: string) => resolve(import.meta.dirname, '../fixtures/frameworks', name)
const server = (version: string) => `
  const { createServer } = require('node:http')
  createServer((_, answer) => answer.end('version ${version}')).listen(process.env.PORT || 3000)
  process.on('SIGTERM', () => process.exit(0))`
const imageOf = (version: Version, unique: string) => `${registry}/${unique}/app:${version}`
const plainly = async (get: (path: string) => Promise<string>) => /version (\w+)/.exec(await get('/'))?.[1]

export const kinds: readonly Kind[] = [
  {
    // In every run the guide's commands deploy one like it.
    name: 'site',
    artifact: 'static-site',
    write: (folder, version) => put(folder, { 'index.html': `<p>version ${version}</p>` }),
    read: plainly,
  },
  {
    name: 'vite',
    artifact: 'static-site',
    write: (folder, version) => {
      copyVite(folder)
      replace(join(folder, 'index.html'), '<title>Paddock', `<title>version ${version}`)
    },
    async read(get) {
      const page = await get('/')
      // Its script was built, too.
      const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1]
      return script && (await get(script)).includes('Freckles') ? /version (\w+)/.exec(page)?.[1] : undefined
    },
  },
  {
    name: 'express',
    artifact: 'workspace',
    everyRun: true,
    write: (folder, version) => {
      copyExpress(folder)
      put(folder, { 'release.json': JSON.stringify({ version, healthy: true }) })
    },
    profile: { health: { path: '/healthz' } },
    read: async (get) => (JSON.parse(await get('/')) as { version?: string }).version,
  },
  {
    name: 'fastify',
    artifact: 'workspace',
    write: (folder, version) => {
      cpSync(fixture('fastify'), folder, { recursive: true })
      replace(join(folder, 'server.js'), "framework: 'fastify'", `framework: 'version ${version}'`)
    },
    read: plainly,
  },
  {
    name: 'next',
    artifact: 'workspace',
    write: (folder, version) => {
      cpSync(fixture('next'), folder, { recursive: true })
      replace(join(folder, 'app/page.jsx'), 'Rendered by Next', `version ${version}`)
    },
    read: plainly,
  },
  {
    // Its server listens on the loopback unless it is told.
    name: 'astro',
    artifact: 'workspace',
    write: (folder, version) => {
      cpSync(fixture('astro-node'), folder, { recursive: true })
      put(folder, { 'src/pages/version.astro': `<p>version ${version}</p>\n` })
    },
    read: async (get) => /version (\w+)/.exec(await get('/version'))?.[1],
  },
  {
    name: 'stages',
    artifact: 'dockerfile',
    write: (folder, version) =>
      put(folder, {
        'server.js': server(version),
        Dockerfile: [
          `FROM ${nodeImage} AS checked`,
          'WORKDIR /src',
          'COPY server.js .',
          'RUN node --check server.js',
          `FROM ${nodeImage} AS unused`,
          'RUN exit 1',
          `FROM ${nodeImage}`,
          'COPY --from=checked /src/server.js /srv/server.js',
          'EXPOSE 3000',
          'CMD ["node", "/srv/server.js"]',
        ].join('\n'),
      }),
    read: plainly,
  },
  {
    name: 'image',
    artifact: 'image',
    everyRun: true,
    write(folder, version, unique) {
      put(folder, {
        'server.js': server(version),
        Dockerfile: `FROM ${nodeImage}\nCOPY server.js /srv/server.js\nCMD ["node", "/srv/server.js"]\n`,
      })
      const image = imageOf(version, unique)
      const run = (...args: string[]) => execFileSync(cli, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      run('buildx', 'build', '--quiet', '--tag', image, folder)
      run('push', '--quiet', image)
      // The engine has to pull it.
      run('rmi', image)
    },
    source: (version, unique) => ({ kind: 'docker-image', image: imageOf(version, unique) }),
    profile: { network: { internalPort: 3000 } },
    read: plainly,
  },
  {
    name: 'compose',
    artifact: 'compose-project',
    // The Dockerfile beside it would win.
    profile: { runtime: { planner: 'compose' } },
    write: (folder, version) =>
      put(folder, {
        'compose.yaml': project,
        Dockerfile: `FROM ${nodeImage}\nCOPY server.js /srv/server.js\nCMD ["node", "/srv/server.js"]\n`,
        'server.js': withDatabase(version),
      }),
    read: plainly,
  },
]

const project = `
services:
  web:
    build: .
    ports: ["80:3000"]
    depends_on: { db: { condition: service_healthy } }
  db:
    image: postgres:latest
    environment: { POSTGRES_PASSWORD: example }
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "postgres"], interval: 300ms, timeout: 5s, retries: 100 }
volumes:
  data: {}
`

/** Serves only while PostgreSQL answers: it says in one letter whether it speaks TLS. */
const withDatabase = (version: string) => `
  const { createServer } = require('node:http')
  const { connect } = require('node:net')
  const asked = () => new Promise((done) => {
    const socket = connect(5432, 'db', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])))
    socket.setTimeout(3000, () => socket.destroy())
    socket.on('data', (data) => { done(/^[SN]/.test(String(data))); socket.destroy() })
    socket.on('error', () => {}).on('close', () => done(false))
  })
  createServer(async (_, answer) => {
    if (await asked()) answer.end('version ${version}')
    else answer.writeHead(500).end('no database')
  }).listen(3000)
  process.on('SIGTERM', () => process.exit(0))`
