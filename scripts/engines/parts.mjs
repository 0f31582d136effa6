import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { attempt, call } from './shell.mjs'

/*
 * The programs that an engine of the tests' own is made of: Debian's packages, unpacked into a cache folder. Nothing is installed, so
 * that the machine stays as it is, no service starts, and apt's own lists and locks are left alone.
 */

const layout = 2
const packages = [
  ...['docker.io', 'iptables', 'iproute2', 'kmod', 'busybox-static', 'caddy', 'docker-registry'],
  ...['openssh-server', 'fish', 'tcsh'],
]
const plugins = ['docker-buildx', 'docker-compose']

const osRelease = () =>
  Object.fromEntries(
    readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .flatMap((line) => (line.includes('=') ? [line.split('=', 2).map((one) => one.replace(/^"|"$/g, ''))] : [])),
  )

export const cacheFolder = () =>
  process.env.APPALOFT_TEST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'appaloft')

/** Why none can be made here; null: it can. */
export const whyNoParts = () => {
  if (process.platform !== 'linux') return 'an engine of the tests’ own runs on Linux only'
  if (process.getuid() !== 0) return 'an engine of the tests’ own needs root'
  if (!existsSync('/usr/bin/apt-get')) return 'an engine of the tests’ own is made of packages of Debian or Ubuntu'
  return null
}

/** The folder of the unpacked programs, fetched once. */
export const fetchParts = async () => {
  const { ID: id, VERSION_ID: version } = osRelease()
  const cache = cacheFolder()
  const folder = join(cache, `engines-${layout}-${id}-${version ?? 'testing'}-${process.arch}`)
  if (existsSync(folder)) {
    if (await works(folder)) return { folder, fetched: false }
    rmSync(folder, { recursive: true, force: true })
  }
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(join(cache, 'draft-'))
  try {
    await unpack(draft, id)
    if (!(await works(draft))) throw new Error('what apt fetched does not run on this machine')
    try {
      renameSync(draft, folder)
    } catch (error) {
      // Somebody else was faster.
      if (!existsSync(folder)) throw error
    }
    return { folder, fetched: true }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

const flags = (options) => Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])

function ownApt(draft) {
  const apt = join(draft, 'apt')
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, name), { recursive: true })
  const own = {
    'Dir::State::Lists': join(apt, 'lists'),
    'Dir::Cache': apt,
    'Dir::Cache::archives': join(apt, 'archives'),
    'APT::Sandbox::User': 'root',
    'Debug::NoLocking': 'true',
  }
  return { apt, own, get: (options, ...args) => call('apt-get', ['-qq', ...flags(options), ...args], { cwd: apt }) }
}

/** Packages with what they need and this machine lacks, unpacked into `root` of the folder. */
export async function aptFetch(draft, wanted) {
  const { apt, own, get } = ownApt(draft)
  await get(own, 'update')
  await get(own, 'install', '--yes', '--no-install-recommends', '--download-only', ...wanted)
  mkdirSync(join(draft, 'root'), { recursive: true })
  for (const name of readdirSync(join(apt, 'archives')))
    if (name.endsWith('.deb')) await call('dpkg-deb', ['-x', join(apt, 'archives', name), join(draft, 'root')])
}

async function unpack(draft, id) {
  const { apt, own, get } = ownApt(draft)
  await get(own, 'update')
  await get(own, 'install', '--yes', '--no-install-recommends', '--download-only', ...packages)
  const from = await sourceOfPlugins(apt, own, flags, id)
  if (from !== own) await get(from, 'update')
  await get(
    from,
    'download',
    ...plugins.map((name) => (id === 'ubuntu' && name === 'docker-compose' ? 'docker-compose-v2' : name)),
  )
  const files = [apt, join(apt, 'archives')].flatMap((place) =>
    readdirSync(place)
      .filter((name) => name.endsWith('.deb'))
      .map((name) => join(place, name)),
  )
  mkdirSync(join(draft, 'root'))
  for (const file of files) await call('dpkg-deb', ['-x', file, join(draft, 'root')])
  for (const unused of [apt, join(draft, 'root/usr/share')]) rmSync(unused, { recursive: true, force: true })
  chmodSync(draft, 0o755)
  const bin = join(draft, 'bin')
  mkdirSync(bin)
  // Debian picks one of the two by its alternatives, which unpacking does not set up.
  for (const name of ['iptables', 'ip6tables']) symlinkSync('../root/usr/sbin/xtables-nft-multi', join(bin, name))
  symlinkSync('../root/usr/bin/tini-static', join(bin, 'docker-init'))
}

/** Debian 12 has neither of the plugins: they come from its next suite, and need nothing newer of the machine. */
async function sourceOfPlugins(apt, own, flags, id) {
  const policy = await call('apt-cache', [...flags(own), 'policy', ...plugins])
  const candidate = (name) => new RegExp(`^${name}:\\n.*\\n\\s+Candidate: (\\S+)`, 'm').exec(policy)?.[1] ?? '(none)'
  if (id !== 'debian' || plugins.every((name) => /^[02]\.\d/.test(candidate(name)))) return own
  const known = (await call('apt-get', [...flags(own), 'indextargets', '--format', '$(REPO_URI)'])).split('\n')
  const mirror = known.find((uri) => /\/debian\/?$/.test(uri))
  if (mirror === undefined) throw new Error('no mirror of Debian is configured')
  const list = join(apt, 'next.list')
  writeFileSync(list, `deb ${mirror} trixie main\n`)
  mkdirSync(join(apt, 'next/partial'), { recursive: true })
  return {
    ...own,
    'Dir::Etc::SourceList': list,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(apt, 'next'),
  }
}

/** The folders of shared libraries below a root. */
export const librariesOf = (root) =>
  readdirSync(join(root, 'usr/lib')).flatMap((name) =>
    name.endsWith('-linux-gnu') ? [join(root, 'usr/lib', name)] : [],
  )
const libraries = (folder) => librariesOf(join(folder, 'root'))

/** With which environment the programs run; only theirs, never that of the tests. */
export const partsEnvironment = (folder) => {
  const at = (name) => join(folder, name)
  const places = [at('bin'), at('root/usr/sbin'), at('root/usr/bin'), at('root/sbin'), at('root/bin')]
  return {
    PATH: [...places, process.env.PATH ?? '', '/usr/sbin:/sbin'].join(':'),
    LD_LIBRARY_PATH: libraries(folder).join(':'),
    XTABLES_LIBDIR: libraries(folder)
      .map((place) => join(place, 'xtables'))
      .join(':'),
  }
}

/** The Docker client and its plugins, as a folder for `DOCKER_CONFIG`. */
export const pluginFolder = (folder) => join(folder, 'root/usr/libexec/docker/cli-plugins')

async function works(folder) {
  if (!existsSync(join(folder, 'bin')) || !existsSync(pluginFolder(folder))) return false
  const env = { ...process.env, ...partsEnvironment(folder) }
  const programs = [
    ['dockerd', '--version'],
    ['containerd', '--version'],
    ['docker-init', '--version'],
    ['iptables', '--version'],
    ['ip', '-V'],
    ['docker', '--version'],
    [join(pluginFolder(folder), 'docker-buildx'), 'version'],
    [join(pluginFolder(folder), 'docker-compose'), 'version'],
  ]
  const ran = await Promise.all(programs.map(([file, ...args]) => attempt(file, args, { env })))
  return !ran.includes(null)
}
