import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { CodedError } from './errors.js'

/** Names a running thing by what it belongs to. */
export interface Ref {
  resourceId: string
  deploymentId: string
  releaseId: string
}

/** Ids become names of folders: nothing that leads elsewhere may pass. */
export function safeName(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)) return id
  throw new CodedError('invalid-input', `${JSON.stringify(id.slice(0, 140))} cannot be used as an id.`)
}

/** Sockets have short names: 103 bytes on some systems, 107 on others. */
const longestSocketPath = 100

const real = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/** Where everything of this target lies, below its own folder in the engine's state folder. */
export class Layout {
  readonly root: string

  /** @param stateDir the engine's state folder */
  constructor(readonly stateDir: string) {
    this.root = join(resolve(stateDir), 'process')
  }

  // the keeper and its helpers
  get keeper() {
    return join(this.root, 'keeper')
  }
  lock(role: string) {
    return join(this.keeper, `${role}.lock`)
  }
  status(role: string) {
    return join(this.keeper, `${role}.status.json`)
  }
  log(role: string) {
    return join(this.keeper, `${role}.log`)
  }
  get config() {
    return join(this.keeper, 'config.json')
  }
  /** Which program to start, for those who restart the keeper. */
  get program() {
    return join(this.keeper, 'program.json')
  }
  get programs() {
    return join(this.keeper, 'programs')
  }
  get staticTable() {
    return join(this.keeper, 'static.json')
  }
  /** Beside the state, or in a short folder of this user where that name is too long for a socket. */
  socket(role: string): { folder: string; path: string } {
    const near = join(this.keeper, `${role}.sock`)
    if (Buffer.byteLength(near) <= longestSocketPath) return { folder: this.keeper, path: near }
    const hash = createHash('sha256').update(real(this.stateDir)).digest('hex').slice(0, 24)
    const folder = join('/tmp', `appaloft-process-${userInfo().uid}-${hash}`)
    return { folder, path: join(folder, `${role}.sock`) }
  }

  // what belongs to resources
  mark(resourceId: string) {
    return join(this.root, 'marks', `${safeName(resourceId)}.json`)
  }
  get releases() {
    return join(this.root, 'releases')
  }
  releasesOf(resourceId: string) {
    return join(this.releases, safeName(resourceId))
  }
  release(ref: Ref) {
    return join(this.releasesOf(ref.resourceId), `${safeName(ref.deploymentId)}~${safeName(ref.releaseId)}`)
  }
  buildsOf(resourceId: string) {
    return join(this.root, 'builds', safeName(resourceId))
  }
  build(resourceId: string, build: string) {
    return join(this.buildsOf(resourceId), safeName(build))
  }
  volumesOf(resourceId: string) {
    return join(this.root, 'volumes', safeName(resourceId))
  }
  /** Commands that an engine runs at the moment: builds, release commands, exec. */
  jobsOf(resourceId: string) {
    return join(this.root, 'jobs', safeName(resourceId))
  }
  /** Package managers that the machine did not have, a folder each. */
  get tools() {
    return join(this.root, 'tools')
  }
  get trash() {
    return join(this.root, 'trash')
  }
}

/** Files of one release's folder. */
export const releaseFiles = (folder: string) => ({
  meta: join(folder, 'meta.json'),
  state: join(folder, 'state.json'),
  log: join(folder, 'log'),
})
