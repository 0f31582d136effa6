import { reason } from '@appaloft/core/spec'
import type { Framework, Mode } from './types.js'

const refused = (message: string, fix: string): Mode => ({
  kind: 'blocked',
  reason: reason('unsupported-framework', {
    message,
    fixPath: [{ action: fix }],
    overridePath: [
      {
        action: 'Where a server is in it all the same, set how it starts.',
        profileField: 'runtime.startCommand',
        example: 'node server.js',
      },
      {
        action: 'Or set the directory of a page that is built.',
        profileField: 'runtime.publishDirectory',
        example: 'dist',
      },
    ],
  }),
})

/** What is recognised so that it is not taken for something else: none of it is run by a server. */
export const refusals: readonly Framework[] = [
  {
    name: 'meteor',
    packages: ['meteor-node-stubs'],
    files: ['.meteor/'],
    servers: ['meteor'],
    mode: () =>
      refused(
        'Meteor applications are built by a tool that is not installed from a registry.',
        'Build it with `meteor build` and deploy the bundle, or add a Dockerfile.',
      ),
  },
  {
    name: 'electron',
    packages: ['electron'],
    programs: ['electron', 'electron-forge', 'electron-vite', 'electron-builder'],
    configs: ['forge.config', 'electron-builder', 'electron.vite.config'],
    servers: ['electron', 'electron-forge', 'electron-vite', 'electron-builder'],
    mode: () =>
      refused(
        'An Electron application is installed on desktops: no server runs it.',
        'Deploy its server or its web page from a folder of their own.',
      ),
  },
  {
    name: 'browser-extension',
    packages: ['wxt', 'plasmo', '@crxjs/vite-plugin', 'vite-plugin-web-extension', 'web-ext'],
    files: 'dependency',
    servers: ['wxt', 'plasmo', 'web-ext'],
    mode: () =>
      refused(
        'A browser extension is installed in browsers: no server runs it.',
        'Deploy a server or a page from a folder of its own.',
      ),
  },
]

export const reactNative: Framework = {
  name: 'react-native',
  packages: ['react-native'],
  programs: ['react-native'],
  files: ['android/', 'ios/', 'metro.config.js', 'app.json', 'App.js', 'App.tsx'],
  servers: ['react-native'],
  mode: () =>
    refused(
      'A React Native application runs on phones, and this one has no web side.',
      'Add the web side, for example with Expo.',
    ),
}
