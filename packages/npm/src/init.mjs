// `oge-mcp init`: asks for the addresses and the account, and writes the settings file.

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { LauncherError, paths, privateDirectory } from './paths.mjs';
import { resolveLinks } from './sandbox.mjs';

export async function init() {
  // A link is kept, and the file that it leads to is written.
  const file = resolveLinks(paths().settings);
  if (!process.stdin.isTTY) throw new LauncherError('init asks questions; run it in a terminal');
  const terminal = openTerminal();
  try {
    if (existsSync(file)) {
      const answer = await terminal.ask(`${file} exists. Replace all of it? [y/N] `);
      if (!['y', 'yes'].includes(answer.trim().toLowerCase())) {
        console.log('Nothing was changed.');
        return 1;
      }
    }
    console.log('Leave blank what your platform does not need. Secrets are not shown.\n');
    const lines = ['# Written by oge-mcp init.'];
    for (const setting of questions()) {
      lines.push(`${setting.key}=${quote(await askFor(setting, terminal))}`);
    }
    writePrivate(file, `${lines.join('\n')}\n`);
  } finally {
    terminal.close();
  }
  console.log(`\n${file} is written, for you alone. Next: oge-mcp check`);
  return 0;
}

function questions() {
  return JSON.parse(readFileSync(new URL('../shared/settings.json', import.meta.url), 'utf8'));
}

async function askFor({ title, kind }, terminal) {
  for (;;) {
    const value = (await terminal.ask(`${title}: `, kind === 'secret')).trim();
    if (/\p{Cc}/u.test(value)) {
      console.log('  There is a control character in it; type it again.');
    } else if (kind === 'url' && value !== '' && !/^https?:\/\//.test(value)) {
      console.log('  It must begin with http:// or https://.');
    } else {
      return value;
    }
  }
}

/** The value as the settings file writes it: there are no escapes, so parts in both quotes. */
export function quote(value) {
  return value
    .split("'")
    .map((part) => (part === '' ? '' : `'${part}'`))
    .join(`"'"`);
}

/** Questions on the terminal. What is typed in answer to a hidden one is not shown. */
function openTerminal() {
  let isHidden = false;
  const output = new Writable({
    write(chunk, _, done) {
      if (!isHidden) process.stdout.write(chunk);
      done();
    },
  });
  // With a history, the arrow keys would show a secret at the next question.
  const options = { input: process.stdin, output, terminal: true, historySize: 0 };
  const lines = createInterface(options);
  // Ctrl-C and Ctrl-D.
  lines.on('close', () => process.exit(130));
  return {
    ask: (prompt, hide = false) =>
      new Promise((resolve) => {
        if (hide) process.stdout.write(prompt);
        isHidden = hide;
        lines.question(hide ? '' : prompt, (answer) => {
          if (hide) process.stdout.write('\n');
          isHidden = false;
          resolve(answer);
        });
      }),
    close: () => {
      lines.removeAllListeners('close');
      lines.close();
    },
  };
}

/** Replaces the file as a whole. Nobody else can read it at any moment. */
function writePrivate(file, text) {
  const directory = dirname(file);
  try {
    if (!existsSync(directory)) privateDirectory(directory);
    const temporary = mkdtempSync(join(directory, '.init-'));
    try {
      writeFileSync(join(temporary, 'site.env'), text, { mode: 0o600 });
      renameSync(join(temporary, 'site.env'), file);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  } catch (error) {
    throw new LauncherError(`${file} cannot be written: ${error.code}`);
  }
}
