// `oge-mcp check`: whether the settings are complete and the platform answers.

import { existsSync, statSync } from 'node:fs';
import { paths } from './paths.mjs';
import { sandbox, settingsFromEnvironment } from './sandbox.mjs';
import { withSession } from './session.mjs';

// One call for each of the platform's two addresses. Neither changes anything there.
const CALLS = [
  ['query_task_status', { dag_id: 'oge-mcp-check' }],
  ['run_big_query', { query: 'SELECT 1' }],
];

export async function check() {
  const places = paths();
  sandbox(); // Fails now if a directory cannot be used.
  let isGood = true;
  const line = (mark, what, note) => console.log(`${mark.padEnd(6)}  ${what}  ${note}`);

  if (!existsSync(places.settings)) {
    line('note', 'settings file', `${places.settings} is not there; oge-mcp init writes it`);
  } else if (process.platform !== 'win32' && statSync(places.settings).mode & 0o077) {
    line('FAILED', 'settings file', `others can read it: chmod 600 ${places.settings}`);
    isGood = false;
  } else {
    line('ok', 'settings file', places.settings);
  }
  const names = Object.keys(settingsFromEnvironment()).sort();
  if (names.length > 0) line('note', 'environment', `comes before the file: ${names.join(', ')}`);
  line('ok', 'state', places.state);
  await withSession({ ...process.env, OGE_LOG: 'off' }, async ({ serverInfo, tools, call }) => {
    const { name, version } = serverInfo;
    line('ok', 'server', `${name} ${version}, ${(await tools()).length} tools`);
    for (const [tool, given] of CALLS) {
      const { error } = await call(tool, given);
      // The platform may well refuse what was asked: it was reached, and it took the token.
      const answered = !error || (error.kind === 'api' && error.http_status === 200);
      line(answered ? 'ok' : 'FAILED', tool, answered ? 'answered' : error.message);
      isGood &&= answered;
    }
  });
  return isGood ? 0 : 1;
}
