import type { Manifest } from '../sources/manifest.js'
import { own } from '../sources/own.js'
import { programs } from './scripts.js'

const always = new Set([
  ...['nodemon', 'ts-node-dev', 'tsnd', 'node-dev', 'webpack-dev-server', 'live-server', 'lite-server', 'supervisor'],
  ...['browser-sync', 'browsersync', 'tsc-watch', 'vite-node-dev', 'micro-dev', 'start-storybook', 'docusaurus-start'],
  ...['web-dev-server', 'wds', 'es-dev-server', 'ladle', 'cosmos', 'styleguidist', 'docsify', 'honkit', 'gitbook'],
  ...['lt', 'ngrok', 'electron-vite', 'react-native', 'next-remote-watch', 'netlify', 'vercel', 'budo', 'reload'],
])
/** Programs by the arguments with which they are development servers; `''` stands for no subcommand. */
const subcommands: Record<string, readonly string[]> = {
  vite: ['', 'dev', 'serve', 'preview', 'optimize'],
  vp: ['dev', 'preview'],
  ng: ['serve', 's', 'dev'],
  gatsby: ['develop', 'serve', 'dev'],
  astro: ['', 'dev', 'preview', 'start'],
  docusaurus: ['start', 'serve'],
  'react-scripts': ['start'],
  'react-app-rewired': ['start'],
  craco: ['start'],
  next: ['', 'dev'],
  blitz: ['', 'dev'],
  nuxt: ['', 'dev', 'preview'],
  nuxi: ['dev', 'preview'],
  'nuxt-ts': ['', 'dev'],
  'vue-cli-service': ['serve'],
  webpack: ['serve', 'watch', 's', 'w'],
  rspack: ['serve', 'dev', 'preview'],
  rsbuild: ['', 'dev', 'preview'],
  rspress: ['dev', 'preview'],
  nest: ['start'],
  remix: ['dev', 'vite:dev'],
  'react-router': ['dev'],
  vinxi: ['dev'],
  'solid-start': ['dev'],
  nitro: ['dev', 'preview'],
  nitropack: ['dev', 'preview'],
  expo: ['', 'start', 'run:ios', 'run:android'],
  ember: ['serve', 'server', 's'],
  quasar: ['dev', 'serve'],
  vitepress: ['', 'dev', 'preview', 'serve'],
  vuepress: ['dev'],
  'vuepress-vite': ['dev'],
  'vuepress-webpack': ['dev'],
  hexo: ['server', 's'],
  hugo: ['server', 'serve'],
  jekyll: ['serve', 's'],
  parcel: ['', 'serve', 'watch'],
  preact: ['watch', 'serve'],
  gridsome: ['develop'],
  sapper: ['dev'],
  observable: ['preview'],
  slidev: [''],
  sanity: ['dev', 'start', 'preview'],
  storybook: ['dev'],
  umi: ['dev', 'preview'],
  max: ['dev', 'preview'],
  stencil: ['serve'],
  polymer: ['serve'],
  brunch: ['watch', 'w'],
  ionic: ['serve'],
  waku: ['dev'],
  vike: ['', 'dev', 'preview'],
  mastra: ['dev'],
  medusa: ['develop', 'dev'],
  strapi: ['develop', 'dev'],
  keystone: ['dev'],
  rw: ['dev'],
  redwood: ['dev'],
  cedar: ['dev'],
  ace: ['serve', 'dev'],
  shopify: ['hydrogen', 'app', 'theme'],
  wrangler: ['dev', 'pages'],
  meteor: ['', 'run'],
  serverless: ['offline'],
  sls: ['offline'],
  firebase: ['serve', 'emulators:start', 'functions:shell'],
  razzle: ['start'],
  'marko-run': ['', 'dev', 'preview'],
  greenwood: ['', 'develop', 'serve'],
  evidence: ['dev', 'preview'],
  vocs: ['dev', 'preview'],
  dumi: ['dev', 'preview'],
  ice: ['start'],
  farm: ['', 'start', 'dev', 'preview'],
  histoire: ['dev', 'preview'],
  'react-static': ['start', 'serve'],
  'elm-app': ['start'],
  poi: ['', '--serve', '-s'],
  au: ['run'],
  zudoku: ['dev', 'preview'],
  gulp: ['', 'serve', 'watch', 'dev', 'default', 'start'],
  grunt: ['serve', 'watch', 'dev', 'server'],
  tsx: ['watch'],
  wmr: ['', 'start', 'serve'],
  snowpack: ['', 'dev'],
  slides: [''],
}

/** With these a program that is not known shows what is being worked on. */
const unsure = /^(?:dev|develop|serve|watch|preview)$/
/** Whose first word is a file or a script. */
const running = new Set([
  ...['node', 'bun', 'deno', 'ts-node', 'babel-node', 'npm', 'pnpm', 'yarn', 'make', 'sh', 'bash', 'python', 'python3'],
  ...['pm2', 'pm2-runtime', 'forever', 'cd', 'echo', 'caddy', 'php', 'docker'],
])

function isOne([program = '', ...rest]: readonly string[]): boolean {
  if (always.has(program)) return true
  const flags = rest.filter((one) => one.startsWith('-'))
  if (program === 'eleventy' || program === '@11ty/eleventy') return flags.some((f) => /^--(serve|watch)/.test(f))
  if (['node', 'bun', 'tsx', 'ts-node', 'deno'].includes(program) && flags.some((f) => /^--(watch|hot)/.test(f)))
    return true
  if (['tsc', 'rollup', 'webpack', 'babel', 'tsup'].includes(program) && flags.some((f) => /^(?:-w|--watch)/.test(f)))
    return true
  if (program === 'esbuild' && flags.some((f) => /^--(?:serve|watch)/.test(f))) return true
  if (program === 'stencil' && flags.includes('--serve')) return true
  if (program === 'fastify' && flags.some((f) => f === '-w' || f === '--watch')) return true
  if (program === 'node' && rest[0] === 'ace') return ['serve', 'dev'].includes(rest[1] ?? '')
  const first = rest[0]
  const subcommand = first === undefined || first.startsWith('-') ? '' : first
  const known = own(subcommands, program)
  if (known === undefined) return unsure.test(subcommand) && !running.has(program)
  if (program === 'parcel' && /\.html$/.test(subcommand)) return true
  if (program === 'slidev' && !['build', 'export', 'format'].includes(subcommand)) return true
  // A folder stands where a subcommand may stand.
  if (
    ['vite', 'vitepress', 'next'].includes(program) &&
    !/^(?:build|start|export|lint|telemetry|info|typegen|optimize)?$/.test(subcommand)
  )
    return true
  return known.includes(subcommand)
}

/** Is the line a development or preview server? Such a one is never a production start. */
export const isDevelopment = (line: string, manifest: Manifest): boolean => programs(line, manifest).some(isOne)
