import { posix } from 'node:path'
import type { Plan } from '@appaloft/core/spec'
import { plainUser, workspaceRoot } from '../containers/place.js'
import type { Settings } from '../options.js'
import { type BuildVariables, json, safePath } from './words.js'
import { buildStages } from './workspace.js'

/** A command of the stage that publishes ends so where there is nothing to publish. */
export const emptyExitCode = 66

/*
 * What is served is a folder of its own without any link: a link to something inside becomes what it points to, one that leads out is left out, and so are
 * dot files (but `.well-known`) and what is neither file nor folder.
 */
const publish = [
  'cd /site',
  'find . -name ".?*" ! -name .well-known -prune -exec rm -rf {} +',
  'find . -type l -exec sh -c \'for link; do real=$(readlink -f "$link"); case $real in /site/*) if [ -f "$real" ]; then cp "$real" "$link.new" && rm "$link" && mv "$link.new" "$link"; else case "$(readlink -f "$(dirname "$link")")/" in "$real"/*) rm "$link";; *) rm "$link"; cp -r "$real" "$link" || true;; esac; fi;; *) echo "$link is not published: the link leads out of the publish directory" >&2; rm "$link";; esac; done\' sh {} +',
  'find . ! -type f ! -type d -exec rm -f {} +',
  'chmod -R a+rX .',
  `[ -n "$(find . -type f | head -n 1)" ] || exit ${emptyExitCode}`,
].join('\n')

const server = (fallback: string) => `	handle${fallback === '' ? '' : ' @page'} {
		try_files {path} {path}.html {path}/index.html${fallback}
		file_server {
			disable_canonical_uris
			precompressed br gzip
		}
	}
`

/** Serves /srv on port 80 as the static server of local processes does. */
export function caddyfile(spaFallback: boolean): string {
  return `{
	admin off
	auto_https off
}

:80 {
	root * /srv
	header ?Vary Accept-Encoding
	@other not method GET HEAD
	handle @other {
		header Allow "GET, HEAD"
		respond 405
	}
	@nul path_regexp \\x00
	handle @nul {
		error 404
	}
	@page not path_regexp \\.[^/]+$
${spaFallback ? server(' /index.html') : ''}${server('')}	handle_errors {
		@told file /404.html
		handle @told {
			rewrite * /404.html
			file_server {
				status {err.status_code}
			}
		}
		handle {
			respond "Not found
" {err.status_code}
		}
	}
}
`
}

/** The image of a static site: built where there are commands, then Caddy with nothing but the published files. */
export function siteDockerfile(
  plan: Plan,
  { baseImage, siteImage }: Pick<Settings, 'baseImage' | 'siteImage'>,
  variables: BuildVariables,
): string {
  const { artifact, commands, source, runtime } = plan
  if (artifact.kind !== 'static-site') throw new TypeError('not a static site')
  const directory = posix.join(safePath(source.baseDirectory), safePath(artifact.publishDirectory))
  const built = commands.install ?? commands.build ?? commands.package
  // A tree without a manifest tells no language: Node's image has a shell and what most commands need.
  const family = runtime === undefined || runtime.family === 'static' ? { family: 'node', version: '*' } : runtime
  const { lines, last } = built ? buildStages(plan, baseImage(family), variables) : { lines: [], last: '' }
  const from = built
    ? [`COPY --from=${last} ${json([`${posix.join(workspaceRoot, directory)}/`, '/site/'])}`]
    : [`COPY ${json([`${directory}/`, '/site/'])}`]
  lines.push(
    ...[
      `FROM ${siteImage} AS publish`,
      ...from,
      `RUN ${json(['/bin/sh', '-c', leaveOut(directory, source.baseDirectory) + publish])}`,
      '',
    ],
    ...[`FROM ${siteImage} AS release`, 'COPY --from=publish /site /srv', 'WORKDIR "/srv"'],
    `RUN ${json(['/bin/sh', '-c', 'mkdir -p /etc/caddy && printf %s "$1" > /etc/caddy/Caddyfile', 'sh', caddyfile(artifact.spaFallback)])}`,
    `USER ${plainUser}:${plainUser}`,
    'ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp',
    `ENTRYPOINT []`,
    `CMD ${json(['caddy', 'run', '--config', '/etc/caddy/Caddyfile', '--adapter', 'caddyfile'])}`,
  )
  return `${lines.join('\n').trim()}\n`
}

/** The source itself is published: what was only installed to build it is not part of it. */
const leaveOut = (directory: string, base: string): string =>
  posix.normalize(directory) === posix.normalize(base) ? 'rm -rf /site/node_modules\n' : ''
