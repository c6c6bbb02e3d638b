#!/usr/bin/env node
// The command line.

import { readFileSync } from 'node:fs';
import { LauncherError, paths } from './paths.mjs';

async function serve() {
  if (process.stdin.isTTY) return show(text('shared/terminal.txt'));
  const { run, sandbox } = await import('./sandbox.mjs');
  return run(sandbox());
}

function showPaths() {
  const { settings, state } = paths();
  return show(`settings  ${settings}\nstate     ${state}\n`);
}

const showVersion = () => show(`oge-mcp ${JSON.parse(text('package.json')).version}\n`);
const showHelp = () => show(text('shared/help.txt'));

const COMMANDS = new Map([
  ['', serve],
  ['init', async () => (await import('./init.mjs')).init()],
  ['check', async () => (await import('./check.mjs')).check()],
  ['demo', async () => (await import('./demo.mjs')).demo()],
  ['paths', showPaths],
  ['--version', showVersion],
  ['-V', showVersion],
  ['--help', showHelp],
  ['-h', showHelp],
  ['help', showHelp],
]);

async function main([name = '', ...rest]) {
  const command = COMMANDS.get(name);
  if (!command || rest.length > 0) {
    process.stderr.write(`oge-mcp: there is no such command\n\n${text('shared/help.txt')}`);
    return 2;
  }
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    process.stderr.write(`oge-mcp: ${error.message}\n`);
    return 2;
  }
}

function text(name) {
  return readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
}

function show(what) {
  process.stdout.write(what);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
