import type { Broken } from './broken.js'
import { registry, run, type Scene } from './scene.js'

// Images that no registry gives.

const from = (image: string) => ({
  image,
  pull: true as const,
  network: { exposure: 'direct-port' as const, internalPort: 3000 },
})
const answers = (name: string, status: number, code: string, headers: Record<string, string> = {}) => ({
  name,
  application: async (scene: Scene) => from(`${await scene.answering(status, headers, code)}/app:1`),
  cause: 'registry' as const,
  field: 'source',
})
const pushed = ({ scope }: Scene): string => {
  const name = `${registry}/${scope}/app`
  run('tag', 'busybox:stable', `${name}:1`)
  run('push', '--quiet', `${name}:1`)
  run('rmi', `${name}:1`)
  return name
}
const list = 'application/vnd.docker.distribution.manifest.list.v2+json'
const one = 'application/vnd.docker.distribution.manifest.v2+json'

/** An index that offers the image for another processor alone. */
async function offered(scene: Scene): Promise<string> {
  const name = pushed(scene)
  const at = `http://${registry}/v2/${scene.scope}/app/manifests`
  const answer = await fetch(`${at}/1`, { headers: { accept: one } })
  const digest = answer.headers.get('docker-content-digest')
  const size = (await answer.arrayBuffer()).byteLength
  const platform = { os: 'linux', architecture: 's390x' }
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: list,
    manifests: [{ mediaType: one, size, digest, platform }],
  })
  const put = await fetch(`${at}/other`, { method: 'PUT', headers: { 'content-type': list }, body })
  if (!put.ok) throw new Error(`the registry answered ${put.status}: ${await put.text()}`)
  return `${name}:other`
}

export const pulling: Broken[] = [
  {
    name: 'unknown-tag',
    application: (scene) => from(`${pushed(scene)}:2`),
    code: 'image-tag-not-found',
    field: 'source',
    hint: /tag/,
    cause: 'call',
    sample: true,
    pushes: true,
  },
  {
    name: 'unknown-name',
    application: ({ scope }) => from(`${registry}/${scope}/other:1`),
    code: 'image-not-found',
    field: 'source',
    hint: /name of the image/,
    cause: 'call',
    sample: true,
    pushes: true,
  },
  {
    name: 'another-processor',
    application: async (scene) => from(await offered(scene)),
    code: 'image-pull-failed',
    field: 'source',
    hint: /processor/,
    message: /processor/,
    cause: 'call',
    pushes: true,
  },
  {
    ...answers('credentials', 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="registry"' }),
    code: 'registry-auth-failed',
    hint: /docker login/,
    sample: true,
  },
  { ...answers('rate', 429, 'TOOMANYREQUESTS'), code: 'registry-rate-limited', hint: /Wait/ },
  { ...answers('registry-broken', 500, 'UNKNOWN'), code: 'image-pull-failed', hint: /registry/ },
  {
    name: 'registry-unreachable',
    application: async (scene) => from(`127.0.0.1:${await scene.freePort()}/app:1`),
    code: 'registry-unreachable',
    field: 'source',
    hint: /host name/,
    cause: 'call',
  },
]
