import { verifyHeader } from '@appaloft/core/spec'
import type { JsonRecord } from './entries.js'

/**
 * A configuration to start a Caddy with that nothing else uses, by `caddy run --resume --config FILE`: an admin API, and logs that leave
 * out verification tokens. `admin` as Caddy writes it: `unix//run/caddy/admin.sock`, `127.0.0.1:2019`.
 */
export const initialConfig = ({ admin }: { admin: string }): JsonRecord => ({
  admin: { listen: admin },
  logging: {
    logs: {
      default: {
        encoder: {
          format: 'filter',
          wrap: { format: 'json' },
          fields: {
            [`request>headers>${verifyHeader.replace(/(^|-)[a-z]/g, (one) => one.toUpperCase())}`]: {
              filter: 'delete',
            },
          },
        },
      },
    },
  },
})
