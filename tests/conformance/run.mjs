// Runs the official conformance suite: `npm ci`, then
// `node run.mjs SHIPPED_URL NATIVE_URL FIXTURES_URL [--bearer VARIABLE]`.
// SHIPPED_URL is the shipped component, NATIVE_URL the same server in the command `oge`, FIXTURES_URL the
// component with the suite's test tools. Prints one row for each scenario. Exit code 1 if a scenario fails or checks nothing.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const RUNS = [
  { suite: 'conformance-2025', protocol: '2025-11-25' },
  { suite: 'conformance-2026', protocol: '2025-11-25' },
  { suite: 'conformance-2026', protocol: '2026-07-28' },
];

const NO_SESSION = 'the server has no sessions';
const NO_PROMPTS = 'the server has no prompts';
const NO_RESOURCES = 'the server has no resources but large results';
const NO_INPUT = 'the tools ask nothing of the client';
const NEEDS_TEST_TOOL = 'made with a test tool, so only against the fixtures';

// The scenarios of an extension have no version of the protocol. They run with the one that tasks need.
const TASKS = '2026-07-28';
const isOfTasks = (name) => name.startsWith('tasks-');

// The servers that each scenario runs against. `except` has the protocol versions that it does not apply to,
// `without` the checks that do not apply to a server, each with the reason.
const SCENARIOS = {
  'server-initialize': { on: ['shipped'] },
  ping: { on: ['shipped'] },
  'tools-list': { on: ['shipped'] },
  'dns-rebinding-protection': { on: ['shipped'] },
  'server-stateless': {
    on: ['shipped', 'fixtures'],
    without: {
      shipped: {
        'sep-2575-server-rejects-undeclared-capability': NEEDS_TEST_TOOL,
        'sep-2575-missing-capability-http-400': NEEDS_TEST_TOOL,
        'sep-2575-http-server-no-independent-requests-on-stream': NEEDS_TEST_TOOL,
        'sep-2575-server-no-log-without-loglevel': NEEDS_TEST_TOOL,
      },
    },
  },
  'http-header-validation': { on: ['shipped'] },
  'server-sse-multiple-streams': { on: ['shipped'], except: { '2025-11-25': NO_SESSION } },
  'input-required-result-unsupported-methods': { on: ['shipped'] },
  caching: {
    on: ['shipped'],
    without: {
      shipped: {
        'sep-2549-prompts-list-caching-hints': NO_PROMPTS,
      },
    },
  },
  'sep-2164-resource-not-found': { on: ['shipped'] },
  'http-custom-header-server-validation': { on: ['fixtures'] },
  'json-schema-2020-12': { on: ['fixtures'] },
  'tools-call-simple-text': { on: ['fixtures'] },
  'tools-call-image': { on: ['fixtures'] },
  'tools-call-audio': { on: ['fixtures'] },
  'tools-call-embedded-resource': { on: ['fixtures'] },
  'tools-call-mixed-content': { on: ['fixtures'] },
  'tools-call-error': { on: ['fixtures'] },
  'tools-call-with-progress': { on: ['fixtures'] },
  'tasks-lifecycle': { on: ['fixtures'] },
  'tasks-capability-negotiation': {
    on: ['shipped', 'fixtures'],
    without: {
      shipped: {
        'sep-2663-server-rejects-undeclared-client': NEEDS_TEST_TOOL,
        'tasks-per-request-meta-opt-in': NEEDS_TEST_TOOL,
      },
    },
  },
  'tasks-wire-fields': { on: ['fixtures'] },
  'tasks-request-state-removal': { on: ['fixtures'] },
  'tasks-request-headers': { on: ['fixtures'] },
  'tasks-dispatch-and-envelope': {
    on: ['shipped', 'fixtures'],
    without: {
      shipped: {
        'tasks-server-directed-creation-no-hint': NEEDS_TEST_TOOL,
        'sep-2663-legacy-task-param-ignored': NEEDS_TEST_TOOL,
        'tasks-immediate-result-shortcut': NEEDS_TEST_TOOL,
        'tasks-result-type-complete-on-non-task-responses': NEEDS_TEST_TOOL,
        'sep-2663-durable-create-strong-consistency': NEEDS_TEST_TOOL,
      },
    },
  },
  'tasks-required-task-error': { on: ['fixtures'] },
};

// Scenarios that are not run, by reason.
const NOT_APPLICABLE = {
  [NO_SESSION]: ['server-session-lifecycle', 'server-sse-polling'],
  'the server does not declare logging': ['logging-set-level', 'tools-call-with-logging'],
  'the server does not declare completions': ['completion-complete'],
  [NO_INPUT]: [
    'tasks-mrtr-input',
    'tasks-mrtr-composition',
    'tools-call-sampling',
    'tools-call-elicitation',
    'elicitation-sep1034-defaults',
    'elicitation-sep1330-enums',
    'input-required-result-basic-elicitation',
    'input-required-result-basic-sampling',
    'input-required-result-basic-list-roots',
    'input-required-result-request-state',
    'input-required-result-multiple-input-requests',
    'input-required-result-multi-round',
    'input-required-result-missing-input-response',
    'input-required-result-non-tool-request',
    'input-required-result-result-type',
    'input-required-result-tampered-state',
    'input-required-result-capability-check',
    'input-required-result-ignore-extra-params',
    'input-required-result-validate-input',
  ],
  [NO_RESOURCES]: [
    'resources-list',
    'resources-read-text',
    'resources-read-binary',
    'resources-templates-read',
    'resources-subscribe',
    'resources-unsubscribe',
  ],
  [NO_PROMPTS]: [
    'prompts-list',
    'prompts-get-simple',
    'prompts-get-with-args',
    'prompts-get-embedded-resource',
    'prompts-get-with-image',
  ],
  'the suite itself skips it': ['tasks-status-notifications'],
  'an extension the server does not offer': [
    'sep-2640-skills-directory',
    'sep-2640-skills-enumeration',
    'sep-2640-skills-manifest',
  ],
};

const HERE = fileURLToPath(new URL('.', import.meta.url));
const NODE = join(HERE, 'node_modules/.bin/node'); // both suites need Node 22
const TIMEOUT = 60_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { bearer: { type: 'string' } },
});
const [shipped, native, fixtures] = positionals;
const token = values.bearer === undefined ? undefined : process.env[values.bearer];
if (fixtures === undefined || (values.bearer !== undefined && !token)) {
  console.error('usage: node run.mjs SHIPPED_URL NATIVE_URL FIXTURES_URL [--bearer VARIABLE]');
  console.error('VARIABLE is an environment variable that holds a token.');
  process.exit(2);
}
const urls = { shipped: { shipped, native }, fixtures: { fixtures } };

/** Runs one of the suites and returns its output. The checks, not the exit code, decide. */
function conformance(suite, args) {
  const preload = token === undefined ? [] : ['--import', join(HERE, 'authorize.mjs')];
  const entry = join(HERE, 'node_modules', suite, 'dist/index.js');
  // An empty environment, so that a proxy setting has no effect.
  const env = token === undefined ? {} : { CONFORMANCE_BEARER: token };
  const child = spawn(NODE, [...preload, entry, ...args], { env, timeout: TIMEOUT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { output += text; });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', () => resolve(output));
  });
}

/** Returns the names of a suite's server scenarios. */
async function known(suite, ...filter) {
  const output = await conformance(suite, ['list', '--server', ...filter]);
  const names = [...output.matchAll(/^ {2}- (\S+)/gm)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`${suite} lists no scenario:\n${output}`);
  return names;
}

/** Returns errors in the two lists above: each scenario must be in exactly one of them, and no other name. */
function mislisted(names) {
  const listed = [...Object.keys(SCENARIOS), ...Object.values(NOT_APPLICABLE).flat()];
  return [
    ...names.filter((name) => !listed.includes(name)).map((name) => `${name} is in neither list`),
    ...listed.filter((name) => !names.includes(name)).map((name) => `no suite knows ${name}`),
    ...listed.filter((name, i) => listed.indexOf(name) !== i).map((name) => `${name} is listed twice`),
  ];
}

/** Returns the checks of one scenario, or a failure with the suite's output if it wrote none. */
async function checks({ suite, protocol }, scenario, url) {
  const directory = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const version = suite === 'conformance-2025' ? [] : ['--spec-version', protocol];
    if (isOfTasks(scenario)) version.push('--force');
    const output = await conformance(suite, [
      'server', '--url', url, '--scenario', scenario, '--output-dir', directory, ...version,
    ]);
    const files = await readdir(directory, { recursive: true });
    const file = files.find((name) => name.endsWith('checks.json'));
    return file === undefined
      ? [{ id: 'suite', status: 'FAILURE', errorMessage: output.trim() || 'printed nothing' }]
      : JSON.parse(await readFile(join(directory, file), 'utf8'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Counts the applicable checks and returns their problems. */
function evaluate(all, without = {}) {
  const counted = all.filter(({ id }) => !Object.hasOwn(without, id));
  const by = (status) => counted.filter((check) => check.status === status);
  const [passed, failed, warned] = ['SUCCESS', 'FAILURE', 'WARNING'].map(by);
  // The later suite checks the messages of every scenario. These checks alone do not test the scenario.
  const isOwn = ({ id }) => !id.startsWith('wire-schema-');
  const stale = Object.keys(without).filter((id) => !all.some((check) => check.id === id));
  const problems = [
    ...(failed.length > 0 ? ['fails'] : []),
    ...([...passed, ...failed].some(isOwn) ? [] : ['checks nothing']),
    ...stale.map((id) => `has no check ${id} to leave out`),
  ];
  return { passed, failed, warned, left: all.length - counted.length, problems };
}

const ROW = [12, 18, 44, 10, 8, 8, 8, 9];
const row = (...cells) => cells.map((cell, i) => String(cell).padEnd(ROW[i])).join('').trimEnd();

/** Returns the names of the scenarios of a run. */
async function scenarios({ suite, protocol }) {
  const versioned = await known(suite, '--spec-version', protocol);
  if (protocol !== TASKS) return versioned;
  return [...versioned, ...(await known(suite)).filter(isOfTasks)];
}

const suites = [...new Set(RUNS.map(({ suite }) => suite))];
const names = (await Promise.all(suites.map((suite) => known(suite)))).flat();
const problems = mislisted([...new Set(names)]);

console.log(row('protocol', 'suite', 'scenario', 'server', 'passed', 'failed', 'warned', 'left out'));
for (const run of RUNS) {
  const { suite, protocol } = run;
  for (const scenario of await scenarios(run)) {
    const { on, except = {}, without } = SCENARIOS[scenario] ?? { on: [] };
    if (Object.hasOwn(except, protocol)) continue;
    const servers = on.flatMap((role) => Object.entries(urls[role]).map((named) => [role, ...named]));
    for (const [role, server, url] of servers) {
      const all = await checks(run, scenario, url);
      const { passed, failed, warned, left, problems: found } = evaluate(all, without?.[role]);
      const counts = [passed, failed, warned].map(({ length }) => length);
      console.log(row(protocol, suite, scenario, server, ...counts, left));
      for (const { id, status, errorMessage, description } of [...failed, ...warned]) {
        console.log(`    ${status} ${id}: ${errorMessage ?? description}`);
      }
      problems.push(...found.map((what) => `${scenario} (${protocol}, ${suite}, ${server}) ${what}`));
    }
  }
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
