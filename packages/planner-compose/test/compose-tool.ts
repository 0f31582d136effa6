import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../../.cache/compose', import.meta.url))
const plugin = 'usr/libexec/docker/cli-plugins/docker-compose'

const works = (file: string): boolean => {
  try {
    return /\bv?2\.\d+/.test(execFileSync(file, ['version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch {
    return false
  }
}

/** Compose's own command, or why there is none. It needs no daemon to tell what its files mean. */
export function composeTool(): { file: string } | { missing: string } {
  const known = [process.env.APPALOFT_COMPOSE, `/${plugin}`, join(cache, plugin), 'docker-compose']
  const found = known.find((file) => file !== undefined && works(file))
  if (found !== undefined) return { file: found }
  if (process.env.APPALOFT_INSTALL_COMPOSE !== '1') {
    return { missing: 'no docker-compose 2 on this machine; APPALOFT_INSTALL_COMPOSE=1 fetches one on Debian, as root' }
  }
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    return { missing: 'it is fetched only on Debian, as root' }
  }
  try {
    fetchTool()
  } catch (error) {
    return { missing: `apt could not fetch it: ${error instanceof Error ? error.message.split('\n')[0] : error}` }
  }
  const file = join(cache, plugin)
  return works(file) ? { file } : { missing: 'what apt fetched does not run here' }
}

/** The package of Debian 13, unpacked beside the sources; nothing is installed, and the machine's own lists stay as they are. */
function fetchTool(): void {
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(cache, folder), { recursive: true })
  const known = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' }).split('\n')
  // The mirror that the machine already uses, for the suite that has the package.
  const mirror = known.find((uri) => /\/debian\/?$/.test(uri))
  if (mirror === undefined) throw new Error('no mirror of Debian is configured')
  const list = join(cache, 'trixie.list')
  writeFileSync(list, `deb ${mirror} trixie main\n`)
  const options = {
    'Dir::Etc::SourceList': list,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(cache, 'lists'),
    'Dir::Cache': cache,
    'APT::Sandbox::User': 'root',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const run = (file: string, args: readonly string[]) => execFileSync(file, args, { cwd: cache, stdio: 'pipe' })
  run('apt-get', [...flags, 'update'])
  run('apt-get', [...flags, 'download', 'docker-compose'])
  const deb = readdirSync(cache).find((name) => name.endsWith('.deb'))
  if (deb === undefined) throw new Error('no package came')
  run('dpkg-deb', ['-x', deb, cache])
}
