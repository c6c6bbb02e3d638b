// Where this user's settings file, state and cache are.

import { chmodSync, mkdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

const FOLDER = 'oge';

/** What failed and what to do. Shown to the user, so it holds no value of a setting. */
export class LauncherError extends Error {}

export function paths() {
  return {
    settings: given('OGE_SETTINGS_FILE') ?? join(userDirectory('config'), FOLDER, 'site.env'),
    state: given('OGE_STATE_DIR') ?? join(userDirectory('state'), FOLDER),
  };
}

/** Makes a directory that only its owner can enter. */
export function privateDirectory(path) {
  try {
    mkdirSync(path, { mode: 0o700, recursive: true });
    if (process.platform !== 'win32') chmodSync(path, 0o700);
  } catch (error) {
    throw new LauncherError(`the directory ${path} cannot be made: ${error.code}`);
  }
  return path;
}

function given(name) {
  const value = process.env[name];
  return value?.trim() ? resolve(value) : undefined;
}

function userDirectory(kind) {
  const candidates = {
    win32: [[kind === 'config' ? 'APPDATA' : 'LOCALAPPDATA', '']],
    darwin: [['HOME', 'Library/Application Support']],
  }[process.platform] ?? [
    [`XDG_${kind.toUpperCase()}_HOME`, ''],
    ['HOME', { config: '.config', state: '.local/state' }[kind]],
  ];
  for (const [variable, below] of candidates) {
    const directory = process.env[variable];
    // The specification of XDG ignores relative paths.
    if (directory && isAbsolute(directory)) return join(directory, below);
  }
  const names = candidates.map(([variable]) => variable).join(' or ');
  throw new LauncherError(`no ${kind} directory: set ${names}, or OGE_SETTINGS_FILE and OGE_STATE_DIR`);
}
