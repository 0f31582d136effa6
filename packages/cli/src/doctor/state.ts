import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Store } from '@appaloft/core/spec'
import { type Finding, failed, messageOf, passed, warning } from './check.js'

const mebibyte = 1024 * 1024

/** The state folder: is it ours alone, may we write, is there room? One that does not exist yet is made at first use. */
export async function checkStateFolder(stateDir: string): Promise<Finding[]> {
  const found = await stat(stateDir).catch(() => null)
  if (found === null) {
    const parent = await nearest(dirname(stateDir))
    return (await writable(parent))
      ? [passed('state-folder', `${stateDir} is made at first use`)]
      : [failed('state-folder', `${stateDir} cannot be made.`, `Make ${parent} writable, or set APPALOFT_STATE_DIR.`)]
  }
  if (!found.isDirectory()) {
    return [failed('state-folder', `${stateDir} is not a folder.`, 'Move the file away, or set APPALOFT_STATE_DIR.')]
  }
  if (!(await writable(stateDir))) {
    return [failed('state-folder', `${stateDir} is not writable.`, `Give this user the folder: chown or chmod.`)]
  }
  const open = (found.mode & 0o022) !== 0
  return [
    open
      ? warning('state-folder', `Others may write to ${stateDir}.`, `chmod 700 ${stateDir}`)
      : passed('state-folder', stateDir),
    await checkSpace(stateDir),
  ]
}

async function checkSpace(stateDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(stateDir)
  const free = Math.floor((bavail * bsize) / mebibyte)
  if (free < 100) return failed('disk-space', `Only ${free} MiB are free.`, 'Free space, or run appaloft prune.')
  return free < 1024
    ? warning('disk-space', `Only ${free} MiB are free.`, 'Free space, or run appaloft prune.')
    : passed('disk-space', `${Math.floor(free / 1024)} GiB free`)
}

export async function checkStore(store: Store): Promise<Finding> {
  try {
    const resources = await store.listResources()
    await store.listDeployments({ limit: 50 })
    return passed('store', `${store.key}, ${resources.length} resources`)
  } catch (error) {
    return failed('store', messageOf(error), 'Check the store’s file, or restore it from a backup.')
  }
}

/** The key that seals secrets. It is made at first use; gone, with secrets in the store, it is a loss. */
export async function checkSecretKey(
  stateDir: string,
  store: Store,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding> {
  if (env.APPALOFT_SECRET_KEY) return passed('secret-key', 'from APPALOFT_SECRET_KEY')
  const found = await stat(join(stateDir, 'secret.key')).catch(() => null)
  if (found === null) {
    const sealed = await countSealed(store).catch(() => 0)
    return sealed === 0
      ? passed('secret-key', 'made at first use')
      : failed(
          'secret-key',
          `${sealed} secrets are sealed and their key is gone.`,
          'Bring secret.key back from a backup, or set APPALOFT_SECRET_KEY to the same key.',
        )
  }
  return (found.mode & 0o077) === 0
    ? passed('secret-key', 'readable by this user alone')
    : warning(
        'secret-key',
        'Others may read the key of the secrets.',
        'chmod 600 the file secret.key of the state folder',
      )
}

async function countSealed(store: Store): Promise<number> {
  const resources = await store.listResources()
  const sealed = await Promise.all(resources.map(({ id }) => store.listSealed(id)))
  return sealed.reduce((sum, list) => sum + list.length, 0)
}

async function nearest(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => null)
  return found !== null || dirname(folder) === folder ? folder : nearest(dirname(folder))
}

const writable = (folder: string): Promise<boolean> =>
  access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
