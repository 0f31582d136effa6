import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppaloftError } from '@appaloft/core/spec'
import { invalid, type Mount, type Project, type Service } from './model.js'

/** What goes into the image of a service: a path from the source's root, and its place in the container. */
export interface Copy {
  from: string
  to: string
}

export interface Placed {
  service: Service
  copies: Copy[]
  /** For the build's log. */
  told: string[]
}

/** Volumes that stand for folders of the source; no name of a volume in a Compose file has a slash. */
export const folderVolume = (path: string): string => `./${path}`

/** As a volume's name has it. */
export const folderWord = (path: string): string =>
  `folder-${path.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(-30)}-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`

/**
 * The copy of a source is gone when its release is started again, on whatever machine the engine runs. So files of the source that a service mounts become
 * part of its image, and a folder that it fills by itself becomes a volume.
 */
export async function place(name: string, service: Service, project: Project, source: string): Promise<Placed> {
  const copies: Copy[] = []
  const told: string[] = []
  const volumes: Mount[] = []
  for (const mount of service.volumes) {
    const from = mount.type === 'bind' ? own(mount.source ?? '', source, `services.${name}.volumes`) : null
    if (from === null) volumes.push(mount)
    else if (mount.read_only || (await holdsFiles(join(source, from)))) {
      copies.push({ from, to: mount.target })
      told.push(
        `${name}: ${from} goes into the image at ${mount.target}${mount.read_only ? '' : '; what the service writes there is not kept'}`,
      )
    } else {
      volumes.push({ ...mount, type: 'volume', source: folderVolume(from) })
      told.push(`${name}: ${from} is a volume at ${mount.target}, and kept`)
    }
  }
  for (const section of ['secrets', 'configs'] as const)
    for (const one of service[section]) {
      const file = project[section][one.source]?.file
      if (file === undefined) continue
      const to = targetOf(section, one)
      const from = own(file, source, `${section}.${one.source}.file`)
      if (from !== null && section === 'secrets') throw inLayers(name, one.source)
      if (from !== null) copies.push({ from, to })
      else volumes.push({ type: 'bind', source: file, target: to, read_only: true })
    }
  return { service: { ...service, volumes }, copies, told }
}

const inLayers = (service: string, secret: string) =>
  new AppaloftError('secret-in-build-scope', {
    phase: 'execute',
    message: `secrets.${secret} of the service ${service} is a file of the source, which would become a layer of its image.`,
    details: { profileField: 'runtime.composeFiles', service, place: `secrets.${secret}.file` },
    recoveryHint: `Name a variable in its place (secrets.${secret}.environment), and set it in the profile as a secret of the scope runtime.`,
  })

/** Where a service finds a secret or a configuration. */
export const targetOf = (
  section: 'secrets' | 'configs',
  one: { source: string; target?: string | undefined },
): string => {
  const target = one.target ?? one.source
  if (target.startsWith('/')) return target
  return section === 'secrets' ? `/run/secrets/${target}` : `/${target}`
}

/** A path from the source's root; null: one of the machine's own. */
function own(path: string, source: string, where: string): string | null {
  if (path.startsWith('./')) return path.slice(2) || '.'
  if (`${path}/`.startsWith(`${dirname(source)}/`)) throw invalid(`${where}: the path lies outside the source.`, where)
  return null
}

/** A folder that is missing or empty is there to be filled; marks that keep it in a repository do not count. */
async function holdsFiles(path: string): Promise<boolean> {
  const there = await stat(path).catch(() => null)
  if (there === null || !there.isDirectory()) return there !== null
  return (await readdir(path)).some((name) => name !== '.gitkeep' && name !== '.gitignore' && name !== '.keep')
}

/** Of a file or a folder with all that is in it: names, links, who may execute it, contents. What is missing has one too. */
export async function contentDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  const walk = async (at: string, name: string): Promise<void> => {
    const entry = await lstat(at).catch(() => null)
    const kind = entry === null ? 'none' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'file'
    hash.update(JSON.stringify([kind, name, (entry?.mode ?? 0) & 0o111]))
    if (kind === 'link') hash.update(await readlink(at))
    if (kind === 'file') for await (const chunk of createReadStream(at)) hash.update(chunk as Buffer)
    if (kind === 'folder') for (const one of (await readdir(at)).sort()) await walk(join(at, one), `${name}/${one}`)
  }
  await walk(path, '')
  return hash.digest('hex')
}
