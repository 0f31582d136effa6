import { execFileSync } from 'node:child_process'
import { cli } from './kinds.js'

export const run = (...args: string[]): string =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
export const lines = (...args: string[]): string[] =>
  run(...args)
    .split('\n')
    .filter(Boolean)
    .sort()

/** What is under a scope, marks of fences and leases apart: these stay, to keep former holders out. */
export function ours(scope: string): string[] {
  const filter = ['--filter', `label=appaloft.scope=${scope}`]
  return [
    ...lines('ps', '--all', ...filter, '--format', '{{.Names}}'),
    ...lines('images', '--all', ...filter, '--format', '{{.ID}} {{.Repository}}'),
    ...lines('images', '--filter', `reference=appaloft/${scope}:*`, '--format', '{{.ID}} {{.Repository}}:{{.Tag}}'),
    ...lines('volume', 'ls', ...filter, '--format', '{{.Name}}').filter(
      (name) => !/\.(?:fence\.after|lease)\./.test(name),
    ),
    ...lines('network', 'ls', ...filter, '--format', '{{.ID}} {{.Name}}'),
  ]
}

/** Takes everything of a scope away, however a test ended. */
export function sweep(scope: string): void {
  const filter = ['--filter', `label=appaloft.scope=${scope}`]
  const each = (found: string[], ...command: string[]) => {
    if (found.length > 0) run(...command, ...found)
  }
  each(lines('ps', '--all', '--quiet', ...filter), 'rm', '--force')
  each(
    lines('images', '--filter', `reference=appaloft/${scope}:*`, '--format', '{{.Repository}}:{{.Tag}}'),
    ...['rmi', '--force'],
  )
  each(lines('volume', 'ls', '--quiet', ...filter), 'volume', 'rm')
}

/** Somebody else's things, so many of each: containers in three states, images, volumes that they use, networks. */
export function plantForeign(mark: string, count: number): { look(): Record<string, string[]>; remove(): void } {
  const label = ['--label', `somebody=${mark}`]
  for (let at = 0; at < count; at++) {
    const name = `${mark}-${at}`
    run('tag', 'busybox:stable', `${mark}:${at}`)
    run('volume', 'create', ...label, name)
    run('network', 'create', ...label, '--internal', name)
    run('create', '--name', name, ...label, '--volume', `${name}:/data`, 'busybox:stable', 'sleep', '3600')
  }
  // Some run, one has ended, the others were never started.
  for (let at = 0; at < Math.min(4, count); at++) run('start', `${mark}-${at}`)
  if (count > 3) run('kill', `${mark}-3`)
  const filter = ['--filter', `label=somebody=${mark}`]
  const look = () => ({
    containers: lines('ps', '--all', '--no-trunc', ...filter, '--format', '{{.ID}} {{.Names}} {{.State}} {{.Image}}'),
    images: lines('images', '--no-trunc', '--filter', `reference=${mark}:*`, '--format', '{{.ID}} {{.Tag}}'),
    volumes: lines('volume', 'ls', ...filter, '--format', '{{.Name}} {{.Mountpoint}}'),
    networks: lines('network', 'ls', '--no-trunc', ...filter, '--format', '{{.ID}} {{.Name}}'),
  })
  const remove = () => {
    const { containers, images, volumes, networks } = look()
    const first = (all: string[]) => all.map((one) => one.split(' ')[0]!)
    if (containers.length > 0) run('rm', '--force', ...first(containers))
    if (images.length > 0) run('rmi', ...images.map((one) => `${mark}:${one.split(' ')[1]}`))
    if (networks.length > 0) run('network', 'rm', ...first(networks))
    if (volumes.length > 0) run('volume', 'rm', ...first(volumes))
  }
  return { look, remove }
}
