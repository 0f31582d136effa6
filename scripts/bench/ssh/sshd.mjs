import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const relay = fileURLToPath(new URL('../../../packages/target-ssh/test/relay.mjs', import.meta.url))

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** sshd wants a user and a folder of its own: they are there for it alone, in a mount namespace. */
const namespace = `
mount --bind "$1/passwd" /etc/passwd && mount --rbind /run "$1/run" && mount -t tmpfs -o mode=755 tmpfs /run || exit
mkdir /run/sshd
for one in "$1"/run/*; do ln -s "$one" /run/ 2>/dev/null; done
exec "$2" -D -e -f "$1/sshd_config"
`

/** A real sshd of the bench's own. `options(delayMs)`: how to get there, through a relay that delays each way by so many milliseconds. */
export async function startSshd({ APPALOFT_TEST_SSHD: parts, APPALOFT_TEST_SSHD_LIBRARIES: libraries }) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-sshd-'))
  const at = (name) => join(folder, name)
  for (const name of ['run', 'home']) mkdirSync(at(name))
  for (const name of ['host_key', 'id']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
  writeFileSync(at('passwd'), `root:x:0:0:root:${at('home')}:/bin/sh\nsshd:x:74:65534::/run/sshd:/usr/sbin/nologin\n`)
  const port = await freePort()
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: at('host_key'),
    AuthorizedKeysFile: at('id.pub'),
    PidFile: 'none',
    UsePAM: 'no',
    StrictModes: 'no',
    PermitRootLogin: 'yes',
    LogLevel: 'VERBOSE',
  }
  const lines = Object.entries(settings).map((one) => one.join(' '))
  writeFileSync(at('sshd_config'), `${lines.join('\n')}\n`)
  const program = join(parts, 'root/usr/sbin/sshd')
  const args = ['--mount', '--propagation', 'private', '/bin/sh', '-c', namespace, 'sh', folder, program]
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_LIBRARY_PATH: libraries }
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'], env })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let log = ''
  await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text
      if (log.includes('Server listening')) resolve()
    })
    void ended.then(() => reject(new Error(`sshd did not start: ${log}`)))
  })
  return {
    /** How often somebody has logged in. */
    logins: () => log.split('Accepted publickey').length - 1,
    options(delayMs) {
      const file = at(`ssh_config_${delayMs}`)
      const way = delayMs === 0 ? '' : `ProxyCommand ${process.execPath} ${relay} ${port} ${delayMs}\n`
      writeFileSync(file, `Host *\n${way}`)
      return {
        destination: 'root@127.0.0.1',
        port,
        identityFile: at('id'),
        configFile: file,
        knownHosts: { keys: [readFileSync(at('host_key.pub'), 'utf8').trim()] },
      }
    },
    close: async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
