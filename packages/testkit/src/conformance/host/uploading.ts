import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConformanceCase } from '../suite.js'
import { type HostFactory, hostCase, type Machine, refused, rejectedWith } from './machine.js'

const oddName = `a b'c $(x)`

async function tree(machine: Machine): Promise<string> {
  const folder = join(await machine.local(), 'tree')
  await mkdir(join(folder, 'deep/empty'), { recursive: true })
  await writeFile(join(folder, 'plain'), 'plain')
  await writeFile(join(folder, oddName), 'odd')
  await writeFile(join(folder, 'deep/.hidden'), '')
  await writeFile(join(folder, 'deep/run'), '#!/bin/sh\necho ran')
  await writeFile(join(folder, 'deep/bytes'), Buffer.from([0, 255, 10, 13, 0x80]))
  await symlink('deep/run', join(folder, 'link'))
  await symlink('nowhere/at/all', join(folder, 'deep/dangling'))
  // All of them: what nobody sets depends on the machine.
  for (const name of ['deep/.hidden', 'deep/bytes']) await chmod(join(folder, name), 0o644)
  await chmod(folder, 0o755)
  await chmod(join(folder, 'plain'), 0o640)
  await chmod(join(folder, oddName), 0o604)
  await chmod(join(folder, 'deep/run'), 0o755)
  await chmod(join(folder, 'deep'), 0o750)
  await chmod(join(folder, 'deep/empty'), 0o700)
  return folder
}

/** Kind, permissions and name of everything below, and where links lead. */
const shape = async (machine: Machine, name: string) =>
  (await machine.ask('cd "$1" && find . -exec ls -ld {} +', machine.at(name)))
    .trimEnd()
    .split('\n')
    .map((line) => `${line.slice(0, 10)} ${line.slice(line.search(/ \.(\/|$)/) + 1)}`)
    .map((line) => (line.startsWith('l') ? line.slice(10) : line))
    .sort()

const inode = (machine: Machine, name: string) =>
  machine.ask('ls -id "$1" | tr -s " " | sed "s/^ //;s/ .*//"', machine.at(name))

export const uploadingCases: readonly ConformanceCase<HostFactory>[] = [
  hostCase(
    'host.upload.file',
    'a file lies at the path itself, with its permissions, and folders above are made',
    async (machine) => {
      const file = join(await machine.local(), 'file')
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256))
      await writeFile(file, bytes)
      await chmod(file, 0o751)
      await machine.host.upload(file, machine.at(`new/deep/${oddName}`))
      const there = await machine.ask('od -An -v -tu1 "$1" | cksum', machine.at(`new/deep/${oddName}`))
      assert.equal(there, execFileSync('sh', ['-c', 'od -An -v -tu1 "$1" | cksum', 'sh', file], { encoding: 'utf8' }))
      assert.match(await machine.ask('ls -l "$1"', machine.at(`new/deep/${oddName}`)), /^-rwxr-x--x/)
    },
  ),
  hostCase(
    'host.upload.folder',
    'a folder lies at the path itself, with links as links, empty folders and permissions',
    async (machine) => {
      const folder = await tree(machine)
      await machine.host.upload(folder, machine.at('copy'))
      assert.deepEqual(
        await shape(machine, 'copy'),
        [
          ' ./deep/dangling -> nowhere/at/all',
          ' ./link -> deep/run',
          "-rw----r-- ./a b'c $(x)",
          '-rw-r----- ./plain',
          '-rw-r--r-- ./deep/.hidden',
          '-rw-r--r-- ./deep/bytes',
          '-rwxr-xr-x ./deep/run',
          'drwx------ ./deep/empty',
          'drwxr-x--- ./deep',
          'drwxr-xr-x .',
        ].sort(),
      )
      assert.equal(
        await machine.ask('"$1/link"; od -An -tu1 "$1/deep/bytes" | tr -s " "', machine.at('copy')),
        'ran\n 0 255 10 13 128\n',
      )
    },
  ),
  hostCase(
    'host.upload.idempotent',
    'a second time nothing changes, and what is there besides stays',
    async (machine) => {
      const folder = await tree(machine)
      await machine.host.upload(folder, machine.at('copy'))
      await machine.ask('echo mine > "$1/deep/besides"; sleep 0.1; touch "$2"', machine.at('copy'), machine.at('mark'))
      await sleep(50)
      const before = [
        await shape(machine, 'copy'),
        await inode(machine, 'copy/plain'),
        await inode(machine, 'copy/link'),
      ]
      await machine.host.upload(folder, machine.at('copy'))
      assert.deepEqual(
        [await shape(machine, 'copy'), await inode(machine, 'copy/plain'), await inode(machine, 'copy/link')],
        before,
      )
      assert.equal(await machine.ask('find "$1" -newer "$2"', machine.at('copy'), machine.at('mark')), '')
      assert.equal(await machine.ask('cat "$1"', machine.at('copy/deep/besides')), 'mine\n')
    },
  ),
  hostCase('host.upload.changed', 'what changed is replaced in one step, and permissions follow', async (machine) => {
    const folder = await tree(machine)
    await machine.host.upload(folder, machine.at('copy'))
    const former = await inode(machine, 'copy/plain')
    await machine.ask('ln "$1/plain" "$2"', machine.at('copy'), machine.at('held'))
    await writeFile(join(folder, 'plain'), 'PLAIN')
    await chmod(join(folder, 'deep/run'), 0o700)
    await rm(join(folder, 'link'))
    await symlink('plain', join(folder, 'link'))
    await machine.host.upload(folder, machine.at('copy'))
    assert.equal(
      await machine.ask('cat "$1/plain" "$1/link" "$2"', machine.at('copy'), machine.at('held')),
      'PLAINPLAINplain',
    )
    assert.notEqual(await inode(machine, 'copy/plain'), former)
    assert.match(await machine.ask('ls -l "$1"', machine.at('copy/deep/run')), /^-rwx------/)
    assert.equal(await machine.ask('ls -A "$1" | wc -l | tr -d " "', machine.at('copy')), '4\n')
  }),
  hostCase('host.upload.links', 'a link on the way inside leads nothing to another place', async (machine) => {
    const folder = await tree(machine)
    await machine.ask(
      'mkdir "$1" "$2" && ln -s "$2" "$1/deep" && echo kept > "$2/kept" && ln -s "$2/kept" "$1/plain"',
      machine.at('copy'),
      machine.at('other'),
    )
    await machine.host.upload(folder, machine.at('copy'))
    assert.equal(await machine.ask('cd "$1" && ls -A && cat kept', machine.at('other')), 'kept\nkept\n')
    assert.equal(
      await machine.ask('cat "$1/plain"; test -d "$1/deep" && test ! -L "$1/deep"', machine.at('copy')),
      'plain',
    )
  }),
  hostCase(
    'host.upload.missing',
    'what does not exist here, or is neither file nor folder, is refused',
    async (machine) => {
      const folder = await machine.local()
      await refused(machine.host.upload(join(folder, 'none'), machine.at('copy')), 'invalid-input')
      execFileSync('mkfifo', [join(folder, 'pipe')])
      await refused(machine.within(machine.host.upload(join(folder, 'pipe'), machine.at('copy'))), 'invalid-input')
      await refused(machine.within(machine.host.upload(folder, machine.at('copy'))), 'invalid-input')
      assert.equal((await machine.sh('test -f "$1/pipe" || test -f "$1"', [machine.at('copy')])).exitCode, 1)
    },
  ),
  hostCase(
    'host.upload.abort',
    'an aborted upload fails with the signal’s reason and leaves no half file',
    async (machine) => {
      const file = join(await machine.local(), 'large')
      await writeFile(file, Buffer.alloc(64 * 1024 * 1024, 1))
      const reason = new Error('no longer wanted')
      await rejectedWith(machine.host.upload(file, machine.at('x'), { signal: AbortSignal.abort(reason) }), reason)
      const aborting = new AbortController()
      const ended = rejectedWith(machine.host.upload(file, machine.at('copy'), { signal: aborting.signal }), reason)
      setImmediate(() => aborting.abort(reason))
      await machine.within(ended)
      assert.equal(await machine.ask('ls -A "$1"', machine.at('.')), '')
    },
  ),
]
