import type { Category, Phase } from './phases.js'

export interface CodeEntry {
  /** One sentence, without values. */
  title: string
  /** What to do. Shown as `recoveryHint`, and on the code's page. */
  fix: string
  category: Category
  phase?: Phase
  /** The profile field to change, where one field decides. */
  field?: string
  /** Would the same call, made again without a change, have a chance? */
  retriable?: boolean
}

const entry = (
  category: Category,
  phase: Phase | undefined,
  title: string,
  fix: string,
  rest: Partial<CodeEntry> = {},
): CodeEntry => ({
  category,
  title,
  fix,
  ...(phase === undefined ? {} : { phase }),
  ...rest,
})

/** Reasons: why a plan is blocked, or what it warns about. */
const reasonCodes = {
  'source-unreadable': entry(
    'source',
    'detect',
    'The source cannot be read.',
    'Check that the path or URL exists and that this user may read it.',
    { field: 'source' },
  ),
  'credentials-in-url': entry(
    'source',
    'detect',
    'The URL carries credentials.',
    'Remove user and password from the URL and give them through the credentials hook.',
    { field: 'source' },
  ),
  'git-auth-failed': entry(
    'source',
    'detect',
    'The git host refused the credentials.',
    'Give valid credentials for this host through the credentials hook, or an ssh key that may read the repository.',
    { field: 'source' },
  ),
  'git-host-unreachable': entry(
    'source',
    'detect',
    'The git host cannot be reached.',
    'Check the host name and the network, then try again.',
    { field: 'source', retriable: true },
  ),
  'git-ref-not-found': entry(
    'source',
    'detect',
    'The git ref does not exist in the repository.',
    'Name a branch, tag or commit that exists.',
    { field: 'source.gitRef' },
  ),
  'base-directory-not-found': entry(
    'source',
    'detect',
    'The base directory does not exist or is not a directory.',
    'Set source.baseDirectory to a directory inside the source.',
    { field: 'source.baseDirectory' },
  ),
  'base-directory-escapes-source': entry(
    'source',
    'detect',
    'The base directory lies outside the source.',
    'Set source.baseDirectory to a relative path without leaving the source.',
    { field: 'source.baseDirectory' },
  ),
  'ambiguous-framework-evidence': entry(
    'plan',
    'detect',
    'More than one directory can be deployed.',
    'Set source.baseDirectory to the one that is meant.',
    { field: 'source.baseDirectory' },
  ),
  'ambiguous-build-tool': entry(
    'plan',
    'detect',
    'Several lockfile families and no packageManager field.',
    'Add packageManager to package.json, remove the stale lockfile, or set runtime.installCommand.',
    { field: 'runtime.installCommand' },
  ),
  'unsupported-framework': entry(
    'plan',
    'detect',
    'The framework is recognised but cannot be deployed as it is.',
    'Set runtime.startCommand, or follow the fix named by the reason.',
    { field: 'runtime.startCommand' },
  ),
  'unsupported-runtime-family': entry(
    'plan',
    'detect',
    'No planner knows how to run this source.',
    'Set runtime.startCommand, add a Dockerfile, or add a planner for this language.',
    { field: 'runtime.startCommand' },
  ),
  'missing-start-intent': entry(
    'plan',
    'plan',
    'Nothing says how to start the application in production.',
    'Add a start script, or set runtime.startCommand.',
    { field: 'runtime.startCommand' },
  ),
  'missing-build-intent': entry(
    'plan',
    'plan',
    'The application needs a build and nothing says how.',
    'Add a build script, or set runtime.buildCommand.',
    { field: 'runtime.buildCommand' },
  ),
  'missing-artifact-output': entry(
    'plan',
    'plan',
    'Nothing says where the built files are.',
    'Set runtime.publishDirectory to the directory with the built files.',
    { field: 'runtime.publishDirectory' },
  ),
  'missing-internal-port': entry(
    'plan',
    'plan',
    'Nothing proves on which port the application listens.',
    'Read the port from the environment variable PORT, or set network.internalPort.',
    { field: 'network.internalPort' },
  ),
  'dockerfile-not-found': entry(
    'plan',
    'plan',
    'The Dockerfile does not exist.',
    'Set runtime.dockerfilePath to a file inside the source.',
    { field: 'runtime.dockerfilePath' },
  ),
  'dockerfile-invalid': entry(
    'plan',
    'plan',
    'The Dockerfile cannot be parsed.',
    'Mend the line named by the reason.',
    { field: 'runtime.dockerfilePath' },
  ),
  'build-target-not-found': entry(
    'plan',
    'plan',
    'The Dockerfile has no such stage.',
    'Set runtime.buildTarget to one of its stages.',
    { field: 'runtime.buildTarget' },
  ),
  'compose-invalid': entry('plan', 'plan', 'The Compose file is not valid.', 'Mend the place named by the reason.', {
    field: 'runtime.composeFiles',
  }),
  'compose-target-service-missing': entry(
    'plan',
    'plan',
    'Which Compose service serves the traffic is not known.',
    'Set network.targetServiceName to one of the candidates.',
    { field: 'network.targetServiceName' },
  ),
  'image-reference-invalid': entry(
    'plan',
    'plan',
    'The image reference is not valid.',
    'Write it as [registry/]name[:tag][@digest].',
    { field: 'source' },
  ),
  'incompatible-source-strategy': entry(
    'plan',
    'plan',
    'Explicit fields contradict each other.',
    'Remove one of the fields named by the reason.',
  ),
  'unsupported-runtime-target': entry(
    'plan',
    'plan',
    'The target cannot run this kind of artifact.',
    'Choose a target that can, or change what is built.',
  ),
  'unsupported-health-policy': entry(
    'plan',
    'plan',
    'The target cannot apply this health policy.',
    'Change the health profile as the reason says.',
    { field: 'health' },
  ),
  'unsupported-access-policy': entry(
    'plan',
    'plan',
    'The proxy cannot serve this access policy.',
    'Change the access profile as the reason says, or use a proxy that can.',
    { field: 'access' },
  ),
  'hostname-invalid': entry(
    'plan',
    'plan',
    'A hostname is not valid.',
    'Write each hostname in lower case, without scheme, port or path.',
    { field: 'access.hostnames' },
  ),
  'route-conflict': entry(
    'plan',
    'plan',
    'Another resource already serves this hostname and path.',
    'Choose another hostname or path prefix, or remove the other resource.',
    { field: 'access.hostnames' },
  ),
  'secret-in-build-scope': entry(
    'plan',
    'plan',
    'A secret would end up in an image layer.',
    'Give the secret the scope runtime, or use a build that takes it as a mounted secret.',
    { field: 'environment' },
  ),
  'ambiguous-planner': entry(
    'plan',
    'plan',
    'Two planners claim the source on the same basis.',
    'Set runtime.planner to the one that is meant.',
    { field: 'runtime.planner' },
  ),
  'planner-failed': entry(
    'internal',
    'plan',
    'A planner threw an error.',
    'Report it to the author of the planner; set runtime.planner to another one meanwhile.',
    { field: 'runtime.planner' },
  ),
  'plan-stale': entry(
    'plan',
    'plan',
    'The source or a profile changed since the preview.',
    'Ask for a new preview and create the deployment with its fingerprint.',
    { retriable: true },
  ),
  'deployment-in-progress': entry(
    'concurrency',
    'plan',
    'Another deployment of this resource is running.',
    'Wait for it, cancel it, or let the newer one supersede it.',
    { retriable: true },
  ),
  // warnings
  'no-lockfile': entry(
    'plan',
    'plan',
    'There is no lockfile: two builds may install different versions.',
    'Commit a lockfile.',
  ),
  'planner-not-for-target': entry(
    'plan',
    'plan',
    'A planner’s artifact cannot run on this target and was set aside.',
    'Choose another target, or set runtime.planner.',
  ),
  'health-policy-defaulted': entry(
    'plan',
    'plan',
    'No health check is defined: any answer below 500 counts as healthy.',
    'Define the health profile.',
    { field: 'health' },
  ),
  'no-overlap': entry(
    'plan',
    'plan',
    'The old release stops before the new one serves: users may see errors meanwhile.',
    'Use exposure proxy with an application that honours PORT.',
    { field: 'network.exposure' },
  ),
  'shell-as-pid-1': entry(
    'plan',
    'plan',
    'A shell runs as the first process and does not pass signals on.',
    'Use the exec form of the command.',
  ),
  'compose-in-place-change': entry(
    'plan',
    'plan',
    'A service that takes no routed traffic is changed in place.',
    'Expect a short interruption of that service.',
  ),
  'compose-variable-unset': entry(
    'plan',
    'plan',
    'A variable of the Compose files has no value: nothing stands in its place.',
    'Set it in the environment profile or in the .env file beside the Compose file.',
    { field: 'environment' },
  ),
  'shared-volume-overlap': entry(
    'plan',
    'plan',
    'Two releases write to one volume during the overlap.',
    'Set runtime.overlap to false if the application cannot share its files.',
    { field: 'runtime.overlap' },
  ),
  'secret-rotated': entry(
    'state',
    undefined,
    'A secret has a newer version than the release uses.',
    'Pass secrets: "current" to use today’s value.',
  ),
  'dns-not-pointing': entry(
    'network',
    'verify',
    'The public address does not lead to this deployment.',
    'Point the hostname at this machine.',
    { field: 'access.hostnames' },
  ),
  'certificate-pending': entry(
    'network',
    'verify',
    'The public address has no valid certificate yet.',
    'Wait for the certificate, or check the proxy’s log.',
    { field: 'access.tls' },
  ),
  'development-start': entry(
    'plan',
    'plan',
    'The start script runs a development server and is not used.',
    'Set runtime.startCommand to run it all the same.',
    { field: 'runtime.startCommand' },
  ),
  'setting-by-environment': entry(
    'plan',
    'plan',
    'A setting of the framework depends on a variable of the environment.',
    'Write the setting as a constant, or check the plan against what the variable is when the application is built.',
  ),
  'development-stage': entry(
    'plan',
    'plan',
    'The stage of the Dockerfile that is built is named for development.',
    'Set runtime.buildTarget to the stage that is meant for production.',
    { field: 'runtime.buildTarget' },
  ),
  'tls-not-offered': entry(
    'plan',
    'plan',
    'The proxy offers no TLS; the routes are served without it.',
    'Terminate TLS in front of the proxy, or use a proxy that offers it.',
    { field: 'access.tls' },
  ),
  'runtime-version-mismatch': entry(
    'plan',
    'plan',
    'The machine runs another version than the source asks for.',
    'Install the version asked for, or change what the source asks for.',
    { field: 'runtime.runtimeVersion' },
  ),
  'other-processes': entry(
    'plan',
    'plan',
    'The Procfile names processes besides web; they are not started.',
    'Define a resource for each of them.',
  ),
  'package-manager-unclear': entry(
    'plan',
    'plan',
    'packageManager does not name one exact version, and Corepack refuses it.',
    'Write the name and an exact version, such as pnpm@10.12.1.',
  ),
  'install-scripts-blocked': entry(
    'plan',
    'plan',
    'Packages need install scripts that the package manager’s settings do not let run.',
    'Allow the install scripts of these packages in the package manager’s settings.',
  ),
  'system-packages-needed': entry(
    'plan',
    'plan',
    'Packages need programs or libraries of the system, which slim images lack.',
    'Install what is named where the application is built and run.',
  ),
  'registry-credentials-needed': entry(
    'plan',
    'plan',
    'A package registry asks for a credential while dependencies are installed.',
    'Set the variable that is named, as a secret with the scope build.',
    { field: 'environment' },
  ),
  'registry-token-in-source': entry(
    'plan',
    'plan',
    'The source holds a token of a package registry.',
    'Revoke the token, and name an environment variable in its place.',
  ),
  'hosting-rules-ignored': entry(
    'plan',
    'plan',
    'Rules for another static host are not applied.',
    'Define redirects and headers in front of the site, or remove the rules.',
  ),
  'drain-failed': entry(
    'runtime-backend',
    'verify',
    'The old release could not be drained or stopped cleanly.',
    'Run reconcile; it stops what nobody owns.',
  ),
  'retention-failed': entry('runtime-backend', 'verify', 'Old releases could not be removed.', 'Run prune.'),
} as const satisfies Record<string, CodeEntry>

/** Failures of `execute`, `verify` and `rollback`. */
const failureCodes = {
  'install-failed': entry(
    'build-command',
    'execute',
    'The install command failed.',
    'Read the last log lines; run the same command in a clean checkout.',
    { field: 'runtime.installCommand' },
  ),
  'lockfile-out-of-step': entry(
    'build-command',
    'execute',
    'The lockfile does not match package.json.',
    'Run the package manager’s install locally and commit the lockfile.',
    { field: 'runtime.installCommand' },
  ),
  'build-failed': entry(
    'build-command',
    'execute',
    'The build command failed.',
    'Read the last log lines; run the same command in a clean checkout.',
    { field: 'runtime.buildCommand' },
  ),
  'package-failed': entry('build-command', 'execute', 'The package command failed.', 'Read the last log lines.', {
    field: 'runtime.packageCommand',
  }),
  'command-not-found': entry(
    'build-command',
    'execute',
    'A command does not exist on the machine.',
    'Install the tool that is missing, or change the command.',
  ),
  'publish-directory-missing': entry(
    'build-command',
    'execute',
    'The build wrote nothing into the publish directory.',
    'Set runtime.publishDirectory to where the build writes.',
    { field: 'runtime.publishDirectory' },
  ),
  'release-command-failed': entry(
    'release-command',
    'execute',
    'The release command failed.',
    'Read the last log lines; its effects are not undone.',
    { field: 'runtime.releaseCommand' },
  ),
  'start-failed': entry(
    'runtime-backend',
    'execute',
    'The release could not be started.',
    'Read the last log lines and check the start command.',
    { field: 'runtime.startCommand' },
  ),
  'image-pull-failed': entry(
    'image-pull',
    'execute',
    'The image could not be pulled.',
    'Check the reference, the credentials and the registry.',
    { field: 'source', retriable: true },
  ),
  'disk-full': entry(
    'server-resources',
    'execute',
    'The disk of the target is full.',
    'Free space, or lower retention, then retry.',
    { retriable: true },
  ),
  'out-of-memory': entry(
    'server-resources',
    'execute',
    'The machine or a limit ran out of memory.',
    'Raise runtime.resources, or use less memory.',
    { field: 'runtime.resources' },
  ),
  'runtime-backend-unavailable': entry(
    'runtime-backend',
    'execute',
    'The target does not answer.',
    'Check that the machine and its engine run, then retry.',
    { retriable: true },
  ),
  timeout: entry(
    'timeout',
    'execute',
    'A step took longer than its limit.',
    'Raise the field of runtime.timeouts that the message names, or make the step faster.',
    { field: 'runtime.timeouts', retriable: true },
  ),
  canceled: entry('canceled', undefined, 'The deployment was canceled.', 'Deploy again when ready.', {
    retriable: true,
  }),
  interrupted: entry('state', undefined, 'The process that ran the deployment died.', 'Retry the deployment.', {
    retriable: true,
  }),
  superseded: entry('concurrency', undefined, 'A newer deployment took over.', 'Look at the newer deployment.'),
  'process-exited': entry(
    'verification',
    'verify',
    'The process exited.',
    'Read the last log lines and the exit code; check start command and environment.',
    { field: 'runtime.startCommand' },
  ),
  'health-timeout': entry(
    'verification',
    'verify',
    'The health check did not pass in time.',
    'Check the health path, and give a slow start more time with health.startPeriodSeconds.',
    { field: 'health' },
  ),
  'health-status-unexpected': entry(
    'verification',
    'verify',
    'The health check answered with another status than expected.',
    'Mend the application, or set health.path and health.expectedStatus.',
    { field: 'health.expectedStatus' },
  ),
  'health-text-missing': entry(
    'verification',
    'verify',
    'The health answer does not contain the expected text.',
    'Mend the application, or set health.expectedText.',
    { field: 'health.expectedText' },
  ),
  'health-command-failed': entry(
    'verification',
    'verify',
    'The health command failed.',
    'Run the command inside the release with exec.',
    { field: 'health.command' },
  ),
  'port-not-listening': entry(
    'verification',
    'verify',
    'Nothing listens on the release’s port.',
    'Listen on the port in the environment variable PORT, or set network.honoursPort to false.',
    { field: 'network.internalPort' },
  ),
  'route-not-served': entry(
    'verification',
    'verify',
    'The proxy does not serve the route.',
    'Check the proxy’s state with status, then retry.',
    { field: 'access' },
  ),
  'route-identity-mismatch': entry(
    'verification',
    'verify',
    'Another release answered on the route.',
    'Check for another proxy or process on the same hostname and port.',
    { field: 'access' },
  ),
  'access-unreachable': entry(
    'verification',
    'verify',
    'The access address does not answer.',
    'Check the proxy and the network.',
    { field: 'access' },
  ),
  'access-status-unexpected': entry(
    'verification',
    'verify',
    'The access address answered with a server error.',
    'Mend the application: it fails behind the proxy.',
    { field: 'access' },
  ),
  'access-tls-untrusted': entry(
    'verification',
    'verify',
    'The certificate of the access address is not trusted.',
    'Install a valid certificate.',
    { field: 'access.tls' },
  ),
  'rollback-failed': entry(
    'runtime-backend',
    'rollback',
    'The rollback did not restore the previous release.',
    'Save the diagnostics, then restore by hand.',
  ),
} as const satisfies Record<string, CodeEntry>

/** Errors of calls: misuse, concurrency, state. */
const callCodes = {
  'invalid-input': entry('input', undefined, 'The input is not valid.', 'Mend the fields named in details.issues.'),
  'invalid-composition': entry(
    'input',
    undefined,
    'createAppaloft was given parts that do not fit.',
    'Mend every fault listed in details.issues.',
  ),
  'resource-not-found': entry('input', undefined, 'There is no such resource.', 'Define it, or list resources.'),
  'deployment-not-found': entry('input', undefined, 'There is no such deployment.', 'List the deployments.'),
  'release-not-found': entry(
    'input',
    undefined,
    'There is no such release, or it is no longer kept.',
    'List the retained releases and choose one of them.',
  ),
  'target-not-found': entry(
    'input',
    undefined,
    'There is no such target.',
    'Name one of the targets that were given to createAppaloft.',
  ),
  'cursor-invalid': entry(
    'input',
    undefined,
    'The cursor is not one of this deployment.',
    'Start without a cursor, or use one that an envelope carried.',
  ),
  'secret-unavailable': entry(
    'credentials',
    undefined,
    'A secret cannot be opened.',
    'Use the state folder that sealed it, or set APPALOFT_SECRET_KEY to the same key.',
  ),
  'source-not-allowed': entry(
    'input',
    undefined,
    'This source is not allowed here.',
    'Use a source kind and place that the host application allows.',
  ),
  'source-changed': entry(
    'source',
    undefined,
    'The source changed and the former copy is no longer kept.',
    'Redeploy the present source.',
  ),
  'already-terminal': entry('state', undefined, 'The deployment has already ended.', 'Look at its result.'),
  'already-promoted': entry('state', undefined, 'The deployment already takes the traffic.', 'Roll back instead.'),
  'rollback-in-progress': entry('state', undefined, 'The deployment is already rolling back.', 'Wait for its end.'),
  'not-terminal': entry('state', undefined, 'The deployment has not ended yet.', 'Wait for its end, or cancel it.'),
  'not-retryable': entry('state', undefined, 'The deployment cannot be retried.', 'Redeploy instead.'),
  'nothing-to-roll-back': entry(
    'state',
    undefined,
    'There is no former release to roll back to.',
    'Deploy a release first.',
  ),
  'recovery-state-stale': entry(
    'state',
    undefined,
    'The resource changed since the state was read.',
    'Read recovery again and decide anew.',
  ),
  'illegal-transition': entry(
    'state',
    undefined,
    'A status may not follow the present one.',
    'Read the deployment again.',
  ),
  conflict: entry('concurrency', undefined, 'Someone else changed the record first.', 'Read it again and repeat.', {
    retriable: true,
  }),
  'lease-lost': entry(
    'concurrency',
    undefined,
    'The lease belongs to someone else now.',
    'Look at the newer deployment.',
  ),
  fenced: entry(
    'concurrency',
    undefined,
    'A newer holder raised the fence; the effect was refused.',
    'Look at the newer deployment.',
  ),
  'unsupported-operation': entry(
    'input',
    undefined,
    'This part does not offer the operation.',
    'Use a target, proxy or store that offers it.',
  ),
  'store-unavailable': entry(
    'runtime-backend',
    undefined,
    'The store does not answer.',
    'Check the store’s file or server.',
    { retriable: true },
  ),
  'store-corrupt': entry(
    'state',
    undefined,
    'The store holds a record that cannot be read.',
    'Restore the store from a backup, or upgrade to the version that wrote it.',
  ),
  'config-not-found': entry(
    'input',
    undefined,
    'There is no configuration file.',
    'Run appaloft init, or name the file with --config.',
  ),
  'config-invalid': entry(
    'input',
    undefined,
    'The configuration file cannot be used.',
    'Mend the fields named in details.issues.',
  ),
  'already-exists': entry('input', undefined, 'It exists already.', 'Choose another name, or pass --force.'),
  'service-manager-unavailable': entry(
    'runtime-backend',
    undefined,
    'The service manager of this machine (systemd) is not there, or refuses.',
    'Log in as the user itself, or run it as root; without systemd, let what starts things at boot run appaloft reconcile.',
  ),
  'endpoint-not-found': entry(
    'input',
    undefined,
    'There is nothing at this address for this caller.',
    'Check the path against openapi.json, and that authorize lets this caller do this.',
  ),
  'method-not-allowed': entry(
    'input',
    undefined,
    'This address does not know the method.',
    'Use one of the methods of the header Allow.',
  ),
  'payload-too-large': entry(
    'input',
    undefined,
    'The request is larger than the limit.',
    'Send less, or raise maxBodyBytes of createHandler.',
  ),
  'unsupported-media-type': entry(
    'input',
    undefined,
    'The body is of a type that is not read here.',
    'Send JSON as UTF-8, without compression, with the content type application/json.',
  ),
  'authorization-unavailable': entry(
    'runtime-backend',
    undefined,
    'Whether the caller may do this could not be found out.',
    'Mend the authorize hook; nothing was done.',
    { retriable: true },
  ),
  'engine-closed': entry('state', undefined, 'The engine is closed.', 'Create a new one.'),
  'internal-error': entry(
    'internal',
    undefined,
    'Something unexpected happened.',
    'Save the diagnostics and report it.',
  ),
} as const satisfies Record<string, CodeEntry>

export type ReasonCode = keyof typeof reasonCodes
export type FailureCode = keyof typeof failureCodes
export type ErrorCode = ReasonCode | FailureCode | keyof typeof callCodes

/** Every code of the SDK with its fix. The pages under docs/errors are made from it. */
export const codes: Readonly<Record<ErrorCode, CodeEntry>> = { ...reasonCodes, ...failureCodes, ...callCodes }

export const allReasonCodes = Object.keys(reasonCodes) as [ReasonCode, ...ReasonCode[]]
export const allErrorCodes = Object.keys(codes) as [ErrorCode, ...ErrorCode[]]

/** Where the page of a code is, relative to the documentation's root. */
export const docsPath = (code: ErrorCode): string => `errors/${code}.md`
