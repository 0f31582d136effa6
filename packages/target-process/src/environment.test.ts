import { afterEach, expect, it, vi } from 'vitest'
import { buildEnvironment, releaseEnvironment } from './environment.js'

afterEach(() => vi.unstubAllEnvs())

it('builds find their way out as this process does, certificates included; releases see none of it', () => {
  const out = {
    HTTPS_PROXY: 'http://proxy:3128',
    no_proxy: 'intern',
    NODE_EXTRA_CA_CERTS: '/ca.crt',
    SSL_CERT_FILE: '/ca.crt',
  }
  for (const [name, value] of Object.entries({ ...out, OTHER: 'x', PATH: '/bin' })) vi.stubEnv(name, value)
  expect(buildEnvironment({ MINE: '1' })).toMatchObject({ ...out, MINE: '1', PATH: '/bin' })
  expect(buildEnvironment({})).not.toHaveProperty('OTHER')
  for (const name of Object.keys(out)) expect(releaseEnvironment({})).not.toHaveProperty(name)
  expect(buildEnvironment({ NODE_EXTRA_CA_CERTS: '/own' })).toMatchObject({ NODE_EXTRA_CA_CERTS: '/own' })
})
