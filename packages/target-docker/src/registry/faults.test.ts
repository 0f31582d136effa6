import { expect, it } from 'vitest'
import { pullError, pullFaultOf } from './faults.js'

// In the words of engines 20.10 to 28, of BuildKit and of registries.
it.each([
  ['manifest for 127.0.0.1:5000/app:v9 not found: manifest unknown: manifest unknown', 'image-tag-not-found'],
  ['127.0.0.1:5000/app:v9: not found', 'image-tag-not-found'],
  [
    "pull access denied for nosuch/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    'image-not-found',
  ],
  ['name unknown: repository name not known to registry', 'image-not-found'],
  ['unauthorized: incorrect username or password', 'registry-auth-failed'],
  ['Head "https://r.example/v2/app/manifests/1": no basic auth credentials', 'registry-auth-failed'],
  ['unauthorized: authentication required', 'registry-auth-failed'],
  ['toomanyrequests: You have reached your pull rate limit.', 'registry-rate-limited'],
  ['received unexpected HTTP status: 429 Too Many Requests', 'registry-rate-limited'],
  ['Get "https://r.example/v2/": dial tcp: lookup r.example on 10.0.0.1:53: no such host', 'registry-unreachable'],
  ['Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', 'registry-unreachable'],
  ['Get "https://r.example/v2/": net/http: TLS handshake timeout', 'registry-unreachable'],
  ['Get "https://r.example/v2/": x509: certificate signed by unknown authority', 'registry-unreachable'],
  ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'image-pull-failed'],
  ['received unexpected HTTP status: 500 Internal Server Error', 'image-pull-failed'],
  ['write /var/lib/docker/tmp/x: no space left on device', 'disk-full'],
])('%s: %s', (said, code) => {
  expect(pullError(pullFaultOf(said), 'r.example/app:1', said).code).toBe(code)
})
