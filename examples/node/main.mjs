// Asks for a task's status through the component: `node main.mjs DAG-ID [--calls N]`. Prints one line of JSON
// for each call; the component's log goes to stderr.

import { parseArgs } from 'node:util';
import { _setEnv } from '@bytecodealliance/preview2-shim/cli';
import { tools } from './generated/oge-tools.js';

// The settings that the tools may read. By default preview2-shim passes the whole environment to the component,
// including the password.
const SETTINGS = [
  'OGE_API_URL',
  'OGE_DAG_URL',
  'OGE_USER_ID',
  'OGE_USERNAME',
  'OGE_TIMEOUT_SECONDS',
  'OGE_EXPIRED_CODES',
  'OGE_ALLOWED_ORIGINS',
  'OGE_MAX_REPLY_BYTES',
  'OGE_LOG',
  'OGE_LOG_FORMAT',
  'OGE_UTC_OFFSET',
];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: '1' } },
});
const [dagId] = positionals;
if (dagId === undefined) {
  console.error('usage: node main.mjs DAG-ID [--calls N]');
  process.exit(2);
}

const isSetting = ([name]) => SETTINGS.includes(name);
_setEnv(Object.fromEntries(Object.entries(process.env).filter(isSetting)));

for (let call = 0; call < Number(values.calls); call += 1) {
  try {
    const { status, execution } = tools.queryTaskStatus(dagId, undefined);
    const { attempts, seconds } = execution;
    console.log(JSON.stringify({ status, attempts, seconds: Number(seconds.toFixed(3)) }));
  } catch (error) {
    // A failed call has a `payload`. Anything else is a trap or a bug and ends the program, because an instance
    // that has trapped must not be called again.
    if (error.payload?.kind === undefined) throw error;
    const { kind, message } = error.payload;
    console.log(JSON.stringify({ kind, message }));
    process.exitCode = 1;
  }
}
