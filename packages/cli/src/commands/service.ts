import type { Register } from './register.js'
import { install } from './service-install.js'
import { status } from './service-status.js'
import { uninstall } from './service-uninstall.js'

export const service: Register = (program, run) => {
  const group = program.command('service').description('a systemd unit that brings the releases back after a reboot')
  for (const register of [install, status, uninstall]) register(group, run)
}
