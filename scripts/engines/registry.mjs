import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './shell.mjs'

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** The registry of Debian's package on a free port of 127.0.0.1, with its files in a temporary folder. It ends with this process. */
export async function startRegistry({ parts }) {
  const program = [join(parts, 'root/usr/bin/docker-registry'), '/usr/bin/docker-registry'].find(existsSync)
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-registry-'))
  const port = await freePort()
  mkdirSync(join(folder, 'data'))
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config))
  // A shell between, for its pipe: the registry itself does not notice that nobody is left who wants it.
  const script = '"$0" serve "$1" & child=$!; (cat >/dev/null; kill $child) <&3 & wait $child; rm -rf "$2"'
  const child = spawn('/bin/sh', ['-c', script, program, join(folder, 'config.yml'), folder], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  child.unref()
  const pipe = child.stdio[3]
  pipe.on('error', () => undefined)
  pipe.unref?.()
  const close = async () => {
    pipe.destroy()
    await until(5_000, async () => (child.exitCode === null ? null : true))
    rmSync(folder, { recursive: true, force: true })
  }
  const host = `127.0.0.1:${port}`
  const up = await until(10_000, () =>
    fetch(`http://${host}/v2/`).then(
      (answer) => answer.ok || null,
      () => null,
    ),
  )
  if (up !== null) return { host, close }
  await close()
  throw new Error('the registry did not start')
}
