import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { aptFetch, cacheFolder } from './parts.mjs'

/** The newest PostgreSQL below a root: its folder of programs, and its version. */
const below = (root) => {
  const place = join(root, 'usr/lib/postgresql')
  const versions = existsSync(place)
    ? readdirSync(place).filter((name) => existsSync(join(place, name, 'bin/postgres')))
    : []
  const version = versions.sort((a, b) => Number(b) - Number(a))[0]
  return version === undefined ? null : { root, version }
}

/** Debian's PostgreSQL: what this machine has, else its package, unpacked into the cache. */
async function findPostgres() {
  const cache = cacheFolder()
  const folder = join(cache, `postgres-1-${process.arch}`)
  const found = below('/') ?? below(folder)
  if (found !== null) return found
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(join(cache, 'draft-'))
  try {
    await aptFetch(draft, ['postgresql'])
    rmSync(folder, { recursive: true, force: true })
    renameSync(join(draft, 'root'), folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  const fetched = below(folder)
  if (fetched === null) throw new Error('the package postgresql holds no server')
  return fetched
}

/** As the usual image of PostgreSQL starts, as far as the tests use it: POSTGRES_PASSWORD, POSTGRES_DB, PGDATA, /docker-entrypoint-initdb.d. */
const entrypoint = `#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" && chown -R postgres "$PGDATA" && chmod 700 "$PGDATA"
  exec su postgres -s /bin/sh -c 'exec "$0" "$@"' -- "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "\${POSTGRES_PASSWORD:?POSTGRES_PASSWORD must be set}"
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/pw
  initdb --username=postgres --pwfile=/tmp/pw --auth-host=scram-sha-256 --auth-local=trust --no-sync --encoding=UTF8 --locale=C >/dev/null
  rm /tmp/pw
  echo "host all all all \${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c fsync=off" -w start >/dev/null
  [ -z "$POSTGRES_DB" ] || [ "$POSTGRES_DB" = postgres ] || psql -qU postgres -c "CREATE DATABASE \\"$POSTGRES_DB\\""
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -f "$file" ] || psql -qU postgres -d "\${POSTGRES_DB:-postgres}" -v ON_ERROR_STOP=1 -f "$file"
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
exec "$@" -c "listen_addresses=*"
`

/** @param kit what every image has, and how libraries come along */
export const postgresTree = ({ shellTree, copyLibraries, path }) =>
  async function make(folder, parts) {
    await shellTree(folder, parts)
    const { root, version } = await findPostgres()
    const home = join('usr/lib/postgresql', version)
    const share = join('usr/share/postgresql', version)
    cpSync(join(root, home, 'lib'), join(folder, home, 'lib'), {
      recursive: true,
      filter: (source) => !source.includes('/bitcode') && !source.includes('/pgxs') && !source.endsWith('llvmjit.so'),
    })
    cpSync(join(root, share), join(folder, share), {
      recursive: true,
      dereference: true,
      filter: (source) => !source.includes('/man'),
    })
    mkdirSync(join(folder, home, 'bin'), { recursive: true })
    for (const name of ['postgres', 'initdb', 'pg_ctl', 'psql', 'pg_isready']) {
      const file = join(root, home, 'bin', name)
      cpSync(file, join(folder, home, 'bin', name))
      await copyLibraries(folder, file, root)
    }
    cpSync(join('/', 'usr/share/zoneinfo/UTC'), join(folder, 'usr/share/zoneinfo/UTC'), { dereference: true })
    for (const one of ['var/run/postgresql', 'run/postgresql', 'var/lib/postgresql', 'docker-entrypoint-initdb.d']) {
      mkdirSync(join(folder, one), { recursive: true })
      chmodSync(join(folder, one), 0o777)
    }
    for (const [file, line] of [
      ['passwd', 'postgres:x:999:999::/var/lib/postgresql:/bin/sh\n'],
      ['group', 'postgres:x:999:\n'],
    ])
      writeFileSync(join(folder, 'etc', file), line, { flag: 'a' })
    mkdirSync(join(folder, 'usr/local/bin'), { recursive: true })
    writeFileSync(join(folder, 'usr/local/bin/docker-entrypoint.sh'), entrypoint, { mode: 0o755 })
    return [
      `ENV ${path.replace('PATH=', `PATH=/${home}/bin:`)}`,
      'ENV PGDATA=/var/lib/postgresql/data',
      'VOLUME /var/lib/postgresql/data',
      'EXPOSE 5432',
      'ENTRYPOINT ["docker-entrypoint.sh"]',
      'CMD ["postgres"]',
    ]
  }
