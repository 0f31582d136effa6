import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { librariesOf } from './parts.mjs'
import { postgresTree } from './postgres.mjs'
import { attempt, call } from './shell.mjs'

/** Present, pulled, or made here of what this machine has: how each came, by its name. */
export async function provideImages({ docker, env, parts }) {
  const came = {}
  let pulls = true
  for (const [name, make] of Object.entries(trees)) {
    if ((await attempt(docker, ['image', 'inspect', name], { env })) !== null) {
      came[name] = 'present'
      continue
    }
    // Where one cannot be had, the others cannot either: each try waits for the network to give up.
    pulls &&= (await attempt(docker, ['pull', '--quiet', name], { env, timeout: 60_000 })) !== null
    if (!pulls && parts === null) throw new Error(`the image ${name} can neither be pulled nor made here`)
    if (!pulls) await imported({ docker, env, parts, name, make })
    came[name] = pulls ? 'pulled' : 'made'
  }
  return came
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const trees = {
  [`node:${process.versions.node.split('.')[0]}-slim`]: nodeTree,
  'caddy:2-alpine': caddyTree,
  'busybox:stable': shellTree,
  'postgres:latest': postgresTree({ shellTree, copyLibraries, path }),
}
const bundle = '/etc/ssl/certs/ca-certificates.crt'

async function imported({ docker, env, parts, name, make }) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-image-'))
  try {
    const changes = await make(folder, parts)
    const args = ['import', ...changes.flatMap((one) => ['--change', one]), '-', name]
    const tar = spawn('tar', ['--create', '--numeric-owner', '--directory', folder, '.'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await call(docker, args, { env, input: tar.stdout })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What every image has: a shell and its tools, users, certificates. */
async function shellTree(folder, parts) {
  for (const one of ['bin', 'usr/bin', 'etc/ssl/certs', 'root', 'home/node', 'proc', 'sys', 'dev', 'tmp', 'var/tmp'])
    mkdirSync(join(folder, one), { recursive: true })
  for (const one of ['tmp', 'var/tmp']) chmodSync(join(folder, one), 0o1777)
  const busybox = [join(parts, 'root/bin/busybox'), join(parts, 'root/usr/bin/busybox'), '/bin/busybox'].find(
    existsSync,
  )
  cpSync(busybox, join(folder, 'bin/busybox'))
  for (const name of (await call(busybox, ['--list'])).trim().split('\n'))
    if (name !== 'busybox') symlinkSync('busybox', join(folder, 'bin', name))
  symlinkSync('../../bin/env', join(folder, 'usr/bin/env'))
  writeFileSync(
    join(folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n',
  )
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n')
  if (existsSync(bundle)) cpSync(realpathSync(bundle), join(folder, bundle))
  return [`ENV ${path}`, 'CMD ["sh"]']
}

/** The Node and npm that run this, with the libraries that they are linked with. */
async function nodeTree(folder, parts) {
  await shellTree(folder, parts)
  cpSync(realpathSync(process.execPath), join(folder, 'usr/bin/node'))
  await copyLibraries(folder, realpathSync(process.execPath))
  const npm = npmFolder()
  cpSync(npm, join(folder, 'usr/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true })
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(folder, 'usr/bin', name))
  await call('chown', ['-R', '1000:1000', join(folder, 'home/node')])
  // By npm's own settings: a variable would be seen by everything that runs.
  mkdirSync(join(folder, 'usr/etc'), { recursive: true })
  if (existsSync(bundle)) writeFileSync(join(folder, 'usr/etc/npmrc'), `cafile=${bundle}\n`)
  return [`ENV ${path}`, 'CMD ["node"]']
}

function npmFolder() {
  const near = dirname(dirname(realpathSync(process.execPath)))
  const found = [join(near, 'lib/node_modules/npm'), '/usr/share/nodejs/npm'].find(existsSync)
  if (found === undefined) throw new Error('npm does not lie beside Node on this machine')
  return found
}

const named = ['librt.so.1', 'libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2', 'libutil.so.1', 'libanl.so.1']

async function copyLibraries(folder, program, root = '/') {
  const env = root === '/' ? process.env : { ...process.env, LD_LIBRARY_PATH: librariesOf(root) }
  const linked = [...(await call('ldd', [program], { env })).matchAll(/(?:=> |^\s+)(\/\S+)/gm)].map((one) => one[1])
  const place = linked.map(dirname).find((one) => existsSync(join(one, named[0])))
  // Looked up by name while it runs: ldd does not tell them.
  const more = place === undefined ? [] : named.map((name) => join(place, name)).filter(existsSync)
  for (const file of new Set([...linked, ...more])) {
    const to = join(folder, root === '/' || !file.startsWith(root) ? file : file.slice(root.length))
    mkdirSync(dirname(to), { recursive: true })
    cpSync(realpathSync(file), to)
  }
}

async function caddyTree(folder, parts) {
  await shellTree(folder, parts)
  const caddy = [join(parts, 'root/usr/bin/caddy'), '/usr/bin/caddy'].find(existsSync)
  cpSync(caddy, join(folder, 'usr/bin/caddy'))
  for (const one of ['config/caddy', 'data/caddy', 'etc/caddy', 'srv'])
    mkdirSync(join(folder, one), { recursive: true })
  if (existsSync('/etc/mime.types')) cpSync('/etc/mime.types', join(folder, 'etc/mime.types'))
  else writeFileSync(join(folder, 'etc/mime.types'), 'text/plain txt text\n')
  writeFileSync(join(folder, 'etc/caddy/Caddyfile'), ':80 {\n\troot * /srv\n\tfile_server\n}\n')
  if ((await attempt('ldd', [caddy])) !== null) await copyLibraries(folder, caddy)
  const start = '["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'
  return [
    `ENV ${path}`,
    'ENV XDG_CONFIG_HOME=/config',
    'ENV XDG_DATA_HOME=/data',
    'WORKDIR /srv',
    'EXPOSE 80',
    `CMD ${start}`,
  ]
}
