import { describe, expect, it } from 'vitest'
import { readsPort } from './environment.js'
import { words } from './sources/text.js'

const read = (source: string) => readsPort(words(source))

describe('PORT read from the environment', () => {
  it.each([
    ['app.listen(process.env.PORT || 8080)', 8080],
    ["const port = parseInt(process.env.PORT ?? '4000', 10)", 4000],
    ['const port = Number(process.env.PORT!) || 3100', 3100],
    ['const port = (process.env.PORT as string) || 3200', 3200],
    ['const PORT = process.env.PORT ? parseInt(process.env.PORT) : 4100', 4100],
    ['const PORT = process.env.PORT ? Number(process.env.PORT) : Number(4200)', 4200],
    ['const fallback = 5100; listen(process.env.PORT ?? fallback)', 5100],
    ['let port = process.env.PORT\nif (!port) port = 8100\nlisten(port)', 8100],
    ['const port = process.env.PORT; app.listen(port || 8200)', 8200],
    ['const { PORT } = process.env; app.listen(PORT || 8300)', 8300],
    ['const { PORT: port } = process.env; app.listen(Number(port) || 8400)', 8400],
    ['const { HOST, PORT = 8500 } = process.env', 8500],
    ["import { env } from 'node:process'; listen(env.PORT ?? 8600)", 8600],
    ['Bun.serve({ port: Bun.env.PORT ?? 3300 })', 3300],
    ['listen(process.env.PORT || process.env.APP_PORT || 3360)', 3360],
    ["const port = Number(process.env['PORT'] ?? process.env['HTTP_PORT'] ?? '3370')", 3370],
    ["const PORT = Number.parseInt(process.env.PORT ?? '', 10) || 3380", 3380],
    ['const env = process.env; app.listen(env.PORT || 3381)', 3381],
    ['const settings = { ...process.env }; app.listen(settings.PORT || 3382)', 3382],
    ['const { env } = process; app.listen(env.PORT || 3383)', 3383],
    ['app.listen(Number(process?.env?.PORT) || 3384)', 3384],
    ['const port = z.coerce.number().default(3385).parse(process.env.PORT)', 3385],
    ['const port = [argv.port, process.env.PORT, 3350].find(Boolean)', 3350],
  ])('%s', (source, port) => {
    expect(read(source)).toEqual({ port })
  })

  it.each([
    ["z.object({ NODE_ENV: z.enum(['a']), PORT: z.coerce.number().default(3333) }).parse(process.env)", 3333],
    ['export const env = cleanEnv(process.env, { HOST: host(), PORT: port({ default: 8080 }) })', 8080],
    ["createEnv({ server: { PORT: z.string().default('4500') }, runtimeEnv: process.env })", 4500],
    [
      'const s = z.object({ PORT: z.coerce.number().int().positive().default(4000), URL: z.string() }); s.safeParse(process.env)',
      4000,
    ],
    [
      "import fastifyEnv from '@fastify/env'; const schema = { properties: { PORT: { type: 'string', default: 3400 } } }",
      3400,
    ],
    ["const convict = require('convict'); convict({ port: { format: 'port', env: 'PORT', default: 8700 } })", 8700],
  ])('by what checks the environment: %s', (source, port) => {
    expect(read(source)).toEqual({ port })
  })

  it.each([
    ["const port = config.get<number>('PORT', 4000)", 4000],
    ["await app.listen(configService.get('PORT') ?? 3600)", 3600],
    ["await app.listen(app.get(ConfigService).get('PORT') || 3700)", 3700],
    ["module.exports = ({ env }) => ({ port: env.int('PORT', 1337) })", 1337],
    ["const port = env.get('PORT').default(3800).asPortNumber()", 3800],
    ["app.listen(env('PORT', '3900'))", 3900],
    ["import { get } from 'env-var'; const port = get('PORT').default('3901').asPortNumber()", 3901],
    ["import { ConfigModule } from '@nestjs/config'; const s = Joi.object({ PORT: Joi.number().default(3902) })", 3902],
  ])('by what is asked for it: %s', (source, port) => {
    expect(read(source)).toEqual({ port })
  })

  it.each([
    ["const port = config.getOrThrow<number>('PORT')"],
    ['app.listen(process.env.PORT)'],
    ['z.object({ PORT: z.coerce.number() }).parse(process.env)'],
  ])('without a default: %s', (source) => {
    expect(read(source)).toEqual({})
  })

  it.each([
    ['// process.env.PORT\napp.listen(3000)'],
    ["const text = 'process.env.PORT'; app.listen(3000)"],
    ['process.env.PORT = 3000'],
    ['app.listen(process.env.SERVER_PORT || 3000)'],
    ["const map = new Map(); map.get('PORT')"],
    ["request.get('PORT')"],
    ['const env = { PORT: 3000 }; app.listen(env.PORT || 3001)'],
    ['const defaults = { PORT: 3000 }; app.listen(defaults.PORT)'],
    ["z.object({ PORT: z.number().default(3000) }).parse(JSON.parse('{}'))"],
  ])('not at all: %s', (source) => {
    expect(read(source)).toBeNull()
  })
})
