import { directoryOf } from '../paths.js'
import { countOf, everything, fieldsOf, type HostRules, isIndex, isRemote, listOf, textOf } from './rules.js'
import { addRedirect } from './text.js'

type Reader = (data: unknown, rules: HostRules) => void

const directory = (value: unknown): string | undefined => {
  const text = textOf(value)
  return text === undefined || text === '' ? undefined : (directoryOf(text.replace(/^\/+/, '')) ?? undefined)
}

/** A rewrite of the kind that single pages are served with, or one that is not applied. */
function addRewrite(rules: HostRules, from: string | undefined, to: string | undefined, conditional: boolean): void {
  if (everything(from) && isIndex(to) && !conditional) rules.fallback ??= `${from} ${to}`
  else rules.ignore(isRemote(to) ? 'proxy' : to === undefined ? 'function' : 'rewrite')
}

const netlify: Reader = (data, rules) => {
  const { build, redirects, headers, edge_functions, functions, plugins } = fieldsOf(data)
  const { publish, base, command, functions: folder } = fieldsOf(build)
  const above = textOf(base)
  const given = textOf(publish) ?? (above === undefined ? undefined : '.')
  rules.publish = given === undefined ? undefined : directory(above === undefined ? given : `${above}/${given}`)
  rules.build = textOf(command)
  for (const one of listOf(redirects)) {
    const { from, to, status, query, conditions, headers: sent, signed } = fieldsOf(one)
    addRedirect(rules, {
      ...{ from: textOf(from) ?? '', to: textOf(to) ?? '', status: typeof status === 'number' ? status : 301 },
      conditional: [query, conditions, sent, signed].some((part) => part !== undefined),
    })
  }
  rules.ignore('header', countOf(headers))
  rules.ignore('edge-function', countOf(edge_functions))
  rules.ignore('function', textOf(folder) !== undefined || countOf(functions) > 0 ? 1 : 0)
  rules.ignore('plugin', countOf(plugins))
}

const vercel: Reader = (data, rules) => {
  const { rewrites, redirects, headers, routes, functions, crons, trailingSlash, outputDirectory, buildCommand } =
    fieldsOf(data)
  rules.publish = directory(outputDirectory)
  rules.build = textOf(buildCommand) || undefined
  for (const one of listOf(rewrites)) {
    const { source, destination, has, missing } = fieldsOf(one)
    addRewrite(rules, textOf(source), textOf(destination) ?? '', has !== undefined || missing !== undefined)
  }
  for (const one of listOf(routes)) {
    const { handle, src, dest, headers: sent, status, methods, has } = fieldsOf(one)
    if (handle !== undefined) continue
    if (sent !== undefined) rules.ignore('header')
    if (typeof status === 'number' && status >= 300 && status < 400) rules.ignore('redirect')
    else if (dest !== undefined)
      addRewrite(rules, textOf(src), textOf(dest), methods !== undefined || has !== undefined)
    else if (sent === undefined) rules.ignore('rewrite')
  }
  rules.ignore('redirect', countOf(redirects))
  rules.ignore('header', countOf(headers))
  rules.ignore('function', countOf(functions) + countOf(crons))
  if (trailingSlash !== undefined) rules.ignore('trailing-slash')
}

const firebase: Reader = (data, rules) => {
  const { hosting } = fieldsOf(data)
  // Several sites: the first one, as good as any, is the one that is looked at; the others are other resources.
  const { public: folder, rewrites, redirects, headers, trailingSlash, i18n } = fieldsOf(listOf(hosting)[0] ?? hosting)
  rules.publish = directory(folder)
  for (const one of listOf(rewrites)) {
    const { source, glob, regex, destination } = fieldsOf(one)
    addRewrite(rules, textOf(source) ?? textOf(glob) ?? textOf(regex), textOf(destination), false)
  }
  rules.ignore('redirect', countOf(redirects))
  rules.ignore('header', countOf(headers))
  if (trailingSlash !== undefined) rules.ignore('trailing-slash')
  if (i18n !== undefined) rules.ignore('rewrite')
}

const azure: Reader = (data, rules) => {
  const { routes, navigationFallback, responseOverrides, globalHeaders, mimeTypes, auth, networking, trailingSlash } =
    fieldsOf(data)
  const { rewrite } = fieldsOf(navigationFallback)
  if (rewrite !== undefined) addRewrite(rules, '/*', textOf(rewrite), false)
  for (const one of listOf(routes)) {
    const { redirect, rewrite: to, headers, allowedRoles, methods, statusCode } = fieldsOf(one)
    if (redirect !== undefined) rules.ignore('redirect')
    else if (to !== undefined) rules.ignore(isRemote(textOf(to)) ? 'proxy' : 'rewrite')
    else if (typeof statusCode === 'number') rules.ignore('error-page')
    if (headers !== undefined) rules.ignore('header')
    if (allowedRoles !== undefined || methods !== undefined) rules.ignore('access')
  }
  for (const [status, one] of Object.entries(fieldsOf(responseOverrides))) {
    const { rewrite: to, redirect, statusCode } = fieldsOf(one)
    if (status === '404' && isIndex(textOf(to)) && statusCode === 200) rules.fallback ??= `404 ${textOf(to)} 200`
    else if (!(status === '404' && to === '/404.html')) rules.ignore(redirect === undefined ? 'error-page' : 'redirect')
  }
  rules.ignore('header', countOf(globalHeaders))
  rules.ignore('mime-type', countOf(mimeTypes))
  if (auth !== undefined || networking !== undefined) rules.ignore('access')
  if (trailingSlash !== undefined && trailingSlash !== 'auto') rules.ignore('trailing-slash')
}

const wrangler: Reader = (data, rules) => {
  const { pages_build_output_dir, assets, site, main, routes, build } = fieldsOf(data)
  const { directory: folder, not_found_handling } = fieldsOf(assets)
  rules.publish = directory(pages_build_output_dir) ?? directory(folder) ?? directory(fieldsOf(site).bucket)
  rules.build = textOf(fieldsOf(build).command)
  if (not_found_handling === 'single-page-application') rules.fallback = 'single-page-application'
  if (main !== undefined) rules.ignore('function')
  rules.ignore('rewrite', countOf(routes))
}

/** `serve` and its relatives. */
const serve: Reader = (data, rules) => {
  const { public: folder, rewrites, redirects, headers, trailingSlash } = fieldsOf(data)
  rules.publish = directory(folder)
  for (const one of listOf(rewrites)) {
    const { source, destination } = fieldsOf(one)
    addRewrite(rules, textOf(source), textOf(destination) ?? '', false)
  }
  rules.ignore('redirect', countOf(redirects))
  rules.ignore('header', countOf(headers))
  if (trailingSlash !== undefined) rules.ignore('trailing-slash')
}

/** The static buildpack of Heroku. */
const buildpack: Reader = (data, rules) => {
  const { root, routes, redirects, headers, proxies, error_page, https_only, basic_auth } = fieldsOf(data)
  rules.publish = directory(root)
  for (const [from, to] of Object.entries(fieldsOf(routes))) addRewrite(rules, from, textOf(to) ?? '', false)
  rules.ignore('redirect', countOf(redirects) + (https_only === true ? 1 : 0))
  rules.ignore('header', countOf(headers))
  rules.ignore('proxy', countOf(proxies))
  if (basic_auth !== undefined) rules.ignore('access')
  if (error_page !== undefined && !/^\/?404\.html$/.test(textOf(error_page) ?? '')) rules.ignore('error-page')
}

/** Files of the base directory, best first: who names a directory earlier is believed. */
export const dataFiles: readonly [name: string, read: Reader][] = [
  ['netlify.toml', netlify],
  ['vercel.json', vercel],
  ['firebase.json', firebase],
  ['wrangler.toml', wrangler],
  ['wrangler.jsonc', wrangler],
  ['wrangler.json', wrangler],
  ['static.json', buildpack],
  ['staticwebapp.config.json', azure],
  ['serve.json', serve],
]
