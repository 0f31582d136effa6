export { type RedactedStream, type Redactor, redactor, shortestSecret } from './redactor.js'
export { type DefaultSecretsOptions, defaultSecrets } from './secrets.js'
