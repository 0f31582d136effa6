import { expect, it } from 'vitest'
import { diagnosed } from './diagnosis.js'

it('says once that it was ssh which said it', () => {
  const { message, details } = diagnosed('web', 'ssh: connect to host web port 22: Connection refused\n')
  expect(message).toBe('web refused the connection (ssh: connect to host web port 22: Connection refused).')
  expect(details).toMatchObject({ reason: 'refused' })
})

it('tells of an identity file that is not there only where nobody was let in', () => {
  const missing = 'no such identity: /no/key: No such file or directory\n'
  const refused = diagnosed('web', `${missing}me@web: Permission denied (publickey).\n`)
  expect(refused).toMatchObject({ code: 'host-login-refused', details: { reason: 'identity-missing' } })
  expect(refused.recoveryHint).toContain('identityFile')
  expect(refused.message).not.toContain('/no/key')
  expect(diagnosed('web', `${missing}Host key verification failed.\n`).code).toBe('host-key-unknown')
  expect(diagnosed('web', 'me@web: Permission denied (publickey).\n').details).toMatchObject({
    reason: 'login-refused',
  })
})
