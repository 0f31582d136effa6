import { join } from 'node:path'

export interface Inside {
  /** The image's id. */
  image: string
  /** `UID:GID` of who owns the folder. */
  user: string
  /** Everything that Caddy reads and writes. The same path inside. */
  folder: string
  /** Where that folder really is. */
  source: string
  /** Below it: configuration, certificates, socket. */
  run: string
  /** What it starts with where it has saved nothing. */
  file: string
}

/** What the engine is asked to create for Caddy. */
export const containerBody = ({ image, user, folder, source, run, file }: Inside) => ({
  Image: image,
  // The image's own user or entrypoint do not matter: the files are this user's, and the markers are for nobody else.
  User: user,
  Entrypoint: ['caddy'],
  Cmd: ['run', '--resume', '--config', file],
  WorkingDir: run,
  Env: [`HOME=${run}`, `XDG_CONFIG_HOME=${join(run, 'config')}`, `XDG_DATA_HOME=${join(run, 'data')}`],
  HostConfig: {
    NetworkMode: 'host',
    Mounts: [{ Type: 'bind', Source: source, Target: folder }],
    RestartPolicy: { Name: 'unless-stopped' },
    CapDrop: ['ALL'],
    CapAdd: ['NET_BIND_SERVICE'],
    // Where the machine labels files for containers, those of a home folder are for none.
    SecurityOpt: ['label=disable'],
    LogConfig: { Type: 'json-file', Config: { 'max-size': String(10 * 1024 * 1024), 'max-file': '3' } },
  },
})
