import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support.js'
import { settingsOf, wordsOf } from '../../test/systemd.js'
import { commandLine } from './quote.js'
import { type UnitOptions, unitServes, unitText } from './unit.js'

const options = (parts: Partial<UnitOptions> = {}): UnitOptions => ({
  scope: 'user',
  program: ['/usr/bin/node', '/opt/appaloft/bin.js'],
  stateDir: '/home/someone/.local/state/appaloft',
  configFile: null,
  path: '/usr/local/bin:/usr/bin',
  ...parts,
})
const braced = ['$', '{HOME}'].join('')
const awkward = [
  'with space',
  '100%n',
  '$HOME',
  braced,
  'a"b',
  "a'b",
  'back\\slash',
  'é',
  'new\nline',
  'tab\t',
  '\u0001',
  ';',
  '',
]

describe('a unit', () => {
  it('of a user runs reconcile once at boot and leaves what that starts alone', () => {
    const text = unitText(options())
    expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
      '[Unit]',
      'Description=Releases of Appaloft',
      'After=network.target',
      '',
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      'KillMode=process',
      'OOMPolicy=continue',
      'TasksMax=infinity',
      'WorkingDirectory=/',
      'Environment="PATH=/usr/local/bin:/usr/bin"',
      'ExecStart=/usr/bin/node /opt/appaloft/bin.js reconcile --state-dir /home/someone/.local/state/appaloft',
      '',
      '[Install]',
      'WantedBy=default.target',
      '',
    ])
  })

  it('of the system waits for the mounts, and runs as the user whose releases they are', () => {
    const settings = settingsOf(
      unitText(options({ scope: 'system', user: '1000', configFile: '/etc/appaloft.config.ts' })),
    )
    expect(settings).toMatchObject({
      RequiresMountsFor: '"/home/someone/.local/state/appaloft"',
      User: '1000',
      WantedBy: 'multi-user.target',
    })
    expect(wordsOf(settings.ExecStart ?? '').slice(-2)).toEqual(['--config', '/etc/appaloft.config.ts'])
  })

  it('knows its state folder, and no other that begins alike', () => {
    const text = unitText(options({ stateDir: '/srv/a b' }))
    expect([unitServes(text, '/srv/a b'), unitServes(text, '/srv/a'), unitServes(text, '/srv/a b/c')]).toEqual([
      true,
      false,
      false,
    ])
  })
})

describe('a command line', () => {
  it.each(awkward)('hands over %j as it is', (word) => {
    expect(wordsOf(commandLine(['/bin/echo', word, `/x/${word}`]))).toEqual(['/bin/echo', word, `/x/${word}`])
  })

  it('starts by env what systemd would not start itself', () => {
    expect(commandLine(['/a b/node', 'x'])).toBe('"/a b/node" x')
    // Variables are read in arguments alone.
    expect(commandLine(['/a$b/node'])).toBe('"/a$b/node"')
    expect(commandLine(['/a"$b/node', 'x'])).toBe('/usr/bin/env "/a\\"$$b/node" x')
  })

  it('is one that systemd itself accepts', () => {
    const found = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' })
    if (found.status !== 0) return console.log('systemd-analyze is not here: the units are judged by their text alone')
    const folder = temporaryFolder()
    const names = ['plain', 'with space', '100%n', '$HOME', `${braced}x`, 'a"b', 'back\\slash', 'é']
    const units = names.flatMap((name, index) => {
      const place = join(folder, name)
      mkdirSync(place)
      const node = join(place, 'node')
      copyFileSync('/bin/true', node)
      chmodSync(node, 0o755)
      return (['user', 'system'] as const).map((scope) => {
        const user = scope === 'system' ? { user: 'root' } : {}
        const program = [node, join(place, 'bin.js')]
        const file = join(folder, `appaloft-${index}-${scope}.service`)
        writeFileSync(file, unitText(options({ scope, ...user, program, stateDir: place, path: `${place}:/bin` })))
        return file
      })
    })
    // On stderr it names what it does not understand, and a program that is not there.
    const judged = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' })
    const said = judged.stderr.split('\n').filter((line) => line.includes('appaloft-'))
    expect([judged.status, said]).toEqual([0, []])
    writeFileSync(join(folder, 'wrong.service'), '[Service]\nType=oneshot\nExecStart=/nowhere/node\n')
    const wrong = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, 'wrong.service')], {
      encoding: 'utf8',
    })
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('/nowhere/node is not executable')])
  }, 60_000)
})
