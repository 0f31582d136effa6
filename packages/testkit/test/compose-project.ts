import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ResourceDefinition } from '@appaloft/core'

// A Compose project as people have them: an application with PostgreSQL, a migration, and a service that asks the application by its name.

/** Asks PostgreSQL one thing, by its protocol: no package has to be fetched. */
const client = `
const { connect } = require('node:net')
const text = (value) => Buffer.from(value + '\\0')
const framed = (type, body) => {
  const head = Buffer.alloc(type ? 5 : 4)
  if (type) head.write(type)
  head.writeUInt32BE(body.length + 4, type ? 1 : 0)
  return Buffer.concat([head, body])
}
exports.query = (url, sql) => new Promise((resolve, reject) => {
  const { hostname, username, password, pathname } = new URL(url)
  const socket = connect(5432, hostname)
  const rows = []
  let rest = Buffer.alloc(0)
  let asked = false
  socket.setTimeout(5000, () => socket.destroy(new Error('the database does not answer')))
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the database hung up')))
  socket.on('connect', () => socket.write(framed('', Buffer.concat([Buffer.from([0, 3, 0, 0]), text('user'), text(username), text('database'), text(pathname.slice(1)), text('')]))))
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest.length >= 1 + rest.readUInt32BE(1)) {
      const type = String.fromCharCode(rest[0])
      const body = rest.subarray(5, 1 + rest.readUInt32BE(1))
      rest = rest.subarray(1 + rest.readUInt32BE(1))
      if (type === 'R' && body.readUInt32BE(0) === 3) socket.write(framed('p', text(decodeURIComponent(password))))
      if (type === 'E') return reject(new Error(body.toString()))
      if (type === 'D') rows.push(body.subarray(6).toString())
      if (type !== 'Z') continue
      if (asked) { resolve(rows); return socket.destroy() }
      asked = true
      socket.write(framed('Q', text(sql)))
    }
  })
})
`

/** `unhealthy` answers 500, as an application does whose new version is wrong. */
const server = (version: string) => `
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const { query } = require('./client.js')
const version = ${JSON.stringify(version)}
let ending = false
const server = createServer(async (request, response) => {
  if (ending) response.setHeader('connection', 'close')
  if (request.url === '/slow') await new Promise((r) => setTimeout(r, 400))
  if (request.url !== '/') return response.end(version)
  try {
    if (version === 'unhealthy') throw new Error('the new version is wrong')
    const rows = await query(process.env.DATABASE_URL, 'SELECT string_agg(version, \\',\\' ORDER BY id) FROM releases')
    response.end([version, rows[0], readFileSync('/etc/motd.txt', 'utf8').trim(), process.env.GREETING].join(' | '))
  } catch (error) {
    response.writeHead(500).end(error.message)
  }
}).listen(3000, () => console.log('web ' + version + ' listens'))
process.on('SIGTERM', () => { ending = true; server.close(() => process.exit(0)) })
`

/** Asks for the application by its name without a pause, on new connections and on kept ones, and prints what changes. */
const asker = `
const { Agent, get } = require('node:http')
const ask = (agent, path = '/who') => new Promise((resolve) => {
  const call = get({ host: 'web', port: 3000, path, agent, timeout: 8000 }, (answer) => {
    let body = ''
    answer.on('data', (chunk) => (body += chunk))
    answer.on('end', () => resolve(answer.statusCode === 200 ? body : 'status ' + answer.statusCode))
    answer.on('error', (error) => resolve('error ' + (error.code || error.message)))
  })
  call.on('timeout', () => call.destroy(new Error('timeout')))
  // As every client of kept connections has to: the server may have hung up just before it was asked.
  call.on('error', (error) => resolve(call.reusedSocket && error.code === 'ECONNRESET' ? ask(agent, path) : 'error ' + (error.code || error.message)))
})
let asked = 0
const forever = async (kind, agent, path) => {
  for (let last = ''; ; ) {
    const said = await ask(agent, path)
    if (last === '' && said.startsWith('error')) { await new Promise((r) => setTimeout(r, 50)); continue }
    asked += 1
    if (said !== last) console.log(JSON.stringify({ kind, said, at: Date.now(), asked }))
    last = said
    await new Promise((r) => setTimeout(r, 2))
  }
}
for (let i = 0; i < 3; i += 1) forever('new', new Agent({ keepAlive: false }))
forever('slow', new Agent({ keepAlive: false }), '/slow')
forever('kept', new Agent({ keepAlive: true, maxSockets: 1 }))
setInterval(() => console.log(JSON.stringify({ asked })), 500)
`

const compose = (base: string, { connections }: ProjectOptions) => `
services:
  web:
    build: .
    container_name: the-web
    ports: ["80:3000"]
    environment:
      DATABASE_URL: postgres://postgres:\${DB_PASSWORD}@db/app
      GREETING: from the file
    volumes: ["./motd.txt:/etc/motd.txt"]
    depends_on:
      db: { condition: service_healthy }
      migrate: { condition: service_completed_successfully }
  migrate:
    image: postgres:latest
    entrypoint: ["psql", "-h", "db", "-U", "postgres", "-d", "app", "-v", "ON_ERROR_STOP=1", "-f", "/migrations/release.sql"]
    environment: { PGPASSWORD: "\${DB_PASSWORD}" }
    volumes: ["./migrations:/migrations:ro"]
    depends_on: { db: { condition: service_healthy } }
  db:
    image: postgres:latest
    command: ["postgres", "-c", "max_connections=${connections}", "-c", "fsync=off"]
    stop_signal: SIGINT
    environment: { POSTGRES_PASSWORD: "\${DB_PASSWORD}", POSTGRES_DB: app, POSTGRES_HOST_AUTH_METHOD: password }
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "postgres", "-d", "app"], interval: 300ms, timeout: 5s, retries: 60 }
  asker:
    image: ${base}
    init: true
    command: ["node", "/asker.js"]
    volumes: ["./asker.js:/asker.js:ro"]
volumes:
  pgdata: {}
`

export interface ProjectOptions {
  /** A setting of the database: another one changes that service. */
  connections: number
  /** The migration comes to no end. */
  hangs?: boolean
}

/** Writes a version of the project into the folder. */
export async function writeProject(
  folder: string,
  base: string,
  version: string,
  options: ProjectOptions,
): Promise<void> {
  const files = {
    'compose.yaml': compose(base, options),
    Dockerfile: `FROM ${base}\nWORKDIR /srv\nCOPY server.js client.js ./\nCMD ["node", "server.js"]\n`,
    'server.js': server(version),
    'client.js': client,
    'asker.js': asker,
    'motd.txt': `motd of ${version}\n`,
    'migrations/release.sql': `CREATE TABLE IF NOT EXISTS releases (id serial, version text); INSERT INTO releases (version) VALUES ('${version}');\n${options.hangs ? "\\warn 'hanging'\nSELECT pg_sleep(600);\n" : ''}`,
  }
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
}

/** The resource whose source lies in `shop` of the folder. */
export const shop = (folder: string, password: string): ResourceDefinition => ({
  id: 'res_shop',
  source: { kind: 'local-folder', path: join(folder, 'shop') },
  environment: { DB_PASSWORD: { value: password, secret: true }, GREETING: { value: 'from the profile' } },
  network: { drainSeconds: 2 },
  health: { path: '/', intervalSeconds: 0.2, retries: 3, startPeriodSeconds: 5 },
})
