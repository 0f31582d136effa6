import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { haveSshd, startSshd } from '../../target-ssh/test/sshd.js'
import { ours, sweep } from '../test/docker/engine.js'
import { commandPath, engineSocket, freePort, haveEngine, needed } from '../test/machine.js'
import { program } from '../test/program.js'

const guide = readFileSync(resolve(import.meta.dirname, '../../../docs/guides/ssh-machine.md'), 'utf8')
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text = '']) => text)

describe.skipIf(!haveEngine || !haveSshd)(`the guide to a machine over SSH${needed}`, () => {
  const appaloft = program()

  it('says what a user can type, one after the other', { timeout: 300_000 }, async () => {
    const scope = `guide-${randomBytes(4).toString('hex')}`
    const sshd = await startSshd({ users: { deploy: {} } })
    onTestFinished(async () => {
      sweep(scope)
      await sshd.close()
    })
    const folder = appaloft.folder('shop')
    const configFile = join(sshd.folder, 'ssh_config')
    const known = join(sshd.folder, 'known_hosts')
    writeFileSync(known, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
    // What a user has in ~/.ssh/config.
    const host = { HostName: '127.0.0.1', Port: sshd.port, IdentityFile: sshd.identityFile, UserKnownHostsFile: known }
    writeFileSync(
      configFile,
      `Host web1\n${Object.entries(host)
        .map(([name, value]) => `  ${name} ${value}\n`)
        .join('')}`,
    )
    // The page's own configuration, at ports that are free and apart from what else is on the engine.
    const [page = ''] = blocks('json')
    const config = JSON.parse(page.replace(':8080', `127.0.0.1:${await freePort()}`))
    Object.assign(config.ssh, { configFile, scope, socket: engineSocket() })
    Object.assign(config.caddy, { root: join(sshd.folder, 'caddy') })
    writeFileSync(join(folder, 'appaloft.config.json'), JSON.stringify(config))
    const commands = blocks('sh').flatMap((text) => text.trim().split('\n'))
    expect(commands.length).toBeGreaterThan(7)
    const env = { PATH: commandPath, DOCKER_HOST: 'unix:///nowhere' }
    let version = 0
    for (const command of commands) {
      const [name, ...args] = command.split(' ')
      expect(name).toBe('appaloft')
      if (args[0] === 'up' || version === 0) writeFileSync(join(folder, 'index.html'), `<p>version ${++version}</p>`)
      const { code, stdout, stderr } = await appaloft.run(args, { cwd: folder, env })
      expect(code, `${command}: ${stdout}${stderr}`).toBe(0)
    }
    expect(ours(scope)).toEqual([])
  })
})
