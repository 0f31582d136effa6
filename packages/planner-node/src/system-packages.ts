import { type Reason, reason } from '@appaloft/core/spec'
import semver from 'semver'
import type { Member } from './workspaces/workspace.js'

interface Need {
  needs: string
  /** Does the install need it? Then a package that is only needed while developing counts too. */
  install?: boolean
  /** Does the package come to work only through its install script? */
  script?: boolean
  /** Packages that bring what is needed. */
  unless?: readonly string[]
}

const compiled = (more = ''): Need => ({
  needs: `Python 3, make and a C++ compiler${more}, where no prebuilt binary fits`,
  install: true,
  script: true,
})
const browser: Need = { needs: 'the shared libraries and fonts of a browser', script: true }
const image: Need = {
  needs: 'autoconf, automake, libtool, make, nasm and a C compiler, where no prebuilt binary fits',
  install: true,
  script: true,
}
const program = (needs: string, unless: readonly string[] = []): Need => ({ needs, unless })
const all = (names: string, need: Need): Record<string, Need> =>
  Object.fromEntries(names.split(' ').map((name) => [name, need]))

/** What packages need of the system that a slim image does not have. One entry a package. */
export const systemNeeds: Readonly<Record<string, Need>> = {
  ...all('bcrypt better-sqlite3 sqlite3 argon2 re2 node-pty isolated-vm leveldown zeromq deasync fibers', compiled()),
  ...all(
    'farmhash microtime heapdump hiredis ffi-napi ref-napi node-expat libxmljs libxmljs2 snappy scrypt',
    compiled(),
  ),
  ...all('tree-sitter mmmagic lmdb sodium-native node-gyp mongodb-client-encryption', compiled()),
  'node-sass': {
    needs: 'Python 3, make and a C++ compiler, and a Node version that it was made for',
    install: true,
    script: true,
  },
  canvas: compiled(', Cairo, Pango, libjpeg, giflib and librsvg'),
  sharp: { needs: 'libvips and a C++ compiler, where no prebuilt binary fits', install: true },
  couchbase: compiled(', CMake and OpenSSL'),
  kerberos: compiled(' and the Kerberos headers'),
  'node-rdkafka': compiled(', librdkafka, OpenSSL and SASL'),
  'pg-native': compiled(' and libpq'),
  odbc: compiled(' and unixODBC'),
  ibm_db: compiled(' and its command line driver'),
  usb: compiled(' and libudev'),
  gl: compiled(', Mesa and the X libraries'),
  robotjs: compiled(' and the X libraries'),
  nodegit: compiled(', libssh2 and Kerberos'),
  '@tensorflow/tfjs-node': compiled(),
  ...all('puppeteer whatsapp-web.js html-pdf-node', browser),
  ...all('puppeteer-core chrome-launcher lighthouse', program('Chrome or Chromium', ['@sparticuz/chromium'])),
  ...all('playwright playwright-core @playwright/browser-chromium', {
    needs: 'browsers, with their shared libraries and fonts: npx playwright install --with-deps',
  }),
  ...all('html-pdf phantomjs-prebuilt', { needs: 'fontconfig, FreeType and bzip2', script: true }),
  ...all('fluent-ffmpeg ffmpeg ffmpeg-cli', program('ffmpeg', ['ffmpeg-static', '@ffmpeg-installer/ffmpeg'])),
  ...all('gm imagemagick easyimage', program('ImageMagick or GraphicsMagick')),
  pdf2pic: program('GraphicsMagick and Ghostscript'),
  ...all('node-poppler pdf-poppler', program('the Poppler utilities')),
  'libreoffice-convert': program('LibreOffice'),
  'node-tesseract-ocr': program('Tesseract'),
  wkhtmltopdf: program('wkhtmltopdf'),
  'node-pandoc': program('Pandoc'),
  'simple-git': program('git'),
  'python-shell': program('Python 3'),
  'youtube-dl-exec': { needs: 'Python 3', script: true },
  'ffmpeg-static': { needs: '', script: true },
  'exiftool-vendored': program('Perl'),
  clamscan: program('ClamAV'),
  java: compiled(' and a JDK'),
  ...all(
    'imagemin-mozjpeg imagemin-pngquant imagemin-gifsicle imagemin-optipng imagemin-jpegtran imagemin-webp',
    image,
  ),
  ...all('mozjpeg pngquant-bin gifsicle optipng-bin jpegtran-bin cwebp-bin', image),
}

/** The packages of the table that the application depends on, by name. */
function listed(members: readonly Member[]): Map<string, { need: Need; spec: string; of: Member }> {
  const found = new Map<string, { need: Need; spec: string; of: Member }>()
  const names = new Set(members.flatMap((one) => Object.keys(one.manifest.dependencies)))
  for (const of of members) {
    const { dependencies, devDependencies } = of.manifest
    for (const [name, spec] of [...Object.entries(dependencies), ...Object.entries(devDependencies)]) {
      if (!Object.hasOwn(systemNeeds, name) || found.has(name)) continue
      const need = systemNeeds[name]!
      if (dependencies[name] === undefined && need.install !== true) continue
      if (need.unless?.some((one) => names.has(one))) continue
      found.set(name, { need, spec, of })
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Names what the system has to have; null where nothing is needed. */
export function systemPackages(members: readonly Member[]): Reason | null {
  const found = [...listed(members)].filter(([, { need }]) => need.needs !== '')
  if (found.length === 0) return null
  const what = found.map(([name, { need }]) => `${name} (${need.needs})`)
  return reason('system-packages-needed', {
    message: `Packages need what slim images lack: ${what.join('; ')}.`,
    evidence: found.slice(0, 20).map(([name, { spec, of }]) => ({
      kind: 'dependency',
      file: of.file,
      signal: `dependencies.${name}`,
      value: spec.slice(0, 200),
    })),
  })
}

/** The packages that come to work only through their install scripts. sharp does since 0.33 without. */
export function scripted(members: readonly Member[]): string[] {
  return [...listed(members)]
    .filter(([name, { need, spec }]) => need.script === true || (name === 'sharp' && isBefore(spec, '0.33.0')))
    .map(([name]) => name)
}

function isBefore(spec: string, version: string): boolean {
  try {
    const least = semver.minVersion(spec, { loose: true })
    return least !== null && semver.lt(least, version)
  } catch {
    return false
  }
}
