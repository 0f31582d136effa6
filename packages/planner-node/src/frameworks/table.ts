import { angularFamily } from './angular.js'
import { apps } from './apps.js'
import { astro } from './astro.js'
import { bundlers } from './bundlers.js'
import { nextFamily } from './next.js'
import { nuxtFamily } from './nuxt.js'
import { qwik } from './qwik.js'
import { reactNative, refusals } from './refused.js'
import { remixFamily } from './remix.js'
import { servers } from './servers.js'
import { sites } from './sites.js'
import { startFamily } from './start.js'
import { sveltekit } from './sveltekit.js'
import type { Framework } from './types.js'
import { vike, vite } from './vite.js'

/** In order: what owns a bundler or another framework comes before it. */
export const frameworks: readonly Framework[] = [
  ...refusals,
  ...apps.filter((one) => one.name !== 'expo'),
  ...servers.filter((one) => one.name === 'adonis' || one.name === 'keystone'),
  ...nextFamily,
  ...nuxtFamily,
  astro,
  sveltekit,
  ...startFamily,
  ...remixFamily,
  qwik,
  ...angularFamily,
  vike,
  ...servers.filter((one) => one.name !== 'adonis' && one.name !== 'keystone'),
  ...apps.filter((one) => one.name === 'expo'),
  ...sites,
  ...bundlers.slice(0, 4),
  vite,
  ...bundlers.slice(4),
  reactNative,
]

export const clientRouters: readonly string[] = [
  ...['react-router-dom', 'react-router', 'vue-router', '@tanstack/react-router', '@tanstack/vue-router', 'wouter'],
  ...['@solidjs/router', 'svelte-routing', 'svelte-spa-router', 'preact-router', 'preact-iso', '@reach/router'],
  ...['@angular/router', '@tanstack/solid-router', '@ionic/react-router', '@ionic/vue-router', 'mithril', 'page'],
]
