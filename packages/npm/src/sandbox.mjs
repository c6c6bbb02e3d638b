// What the component is given: settings, one directory to write, one to read, HTTP, and no more.

import { existsSync, realpathSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, parse } from 'node:path';
import { LauncherError, paths, privateDirectory } from './paths.mjs';

const LAUNCHER_ONLY = ['OGE_SETTINGS_FILE', 'OGE_STATE_DIR'];

export function sandbox() {
  const places = paths();
  const environment = settingsFromEnvironment();
  const directories = { '/state': privateDirectory(places.state) };
  const settingsFile = settingsFileToOpen(places, environment);
  if (settingsFile) {
    directories['/settings'] = dirname(settingsFile);
    environment.OGE_SETTINGS_FILE = `/settings/${basename(settingsFile)}`;
  }
  environment.OGE_TOKEN_FILE = '/state/token';
  return { environment, directories };
}

/** The settings that the environment gives. Those of the launcher itself are not passed on. */
export function settingsFromEnvironment() {
  const isSetting = ([key, value]) =>
    key.startsWith('OGE_') &&
    !LAUNCHER_ONLY.includes(key) &&
    value.trim() !== '' &&
    // A form of Claude Desktop leaves the name of a field there that was not filled in.
    !value.startsWith('${user_config.');
  const found = Object.entries(process.env).filter(isSetting);
  // Node.js reads what is not UTF-8 as U+FFFD.
  const broken = found.find(([, value]) => value.includes('\u{fffd}'));
  if (broken) {
    throw new LauncherError(`the variable ${broken[0]} is not UTF-8; set it again in a UTF-8 terminal`);
  }
  return Object.fromEntries(found);
}

/**
 * The settings file; `undefined` if there is none, and the environment has the settings.
 *
 * A file that is not there yet is named if it is needed: each tool then says so, and a file that
 * `oge-mcp init` writes meanwhile is read at the next call.
 */
function settingsFileToOpen(places, environment) {
  // A link may lead out of the directory that is opened.
  const file = resolveLinks(places.settings);
  const isNamed = Boolean(process.env.OGE_SETTINGS_FILE?.trim());
  const hasSettings = 'OGE_API_URL' in environment || 'OGE_DAG_URL' in environment;
  if (!existsSync(file) && hasSettings && !isNamed) return undefined;
  const directory = dirname(file);
  if (directory === parse(file).root || directory === resolveLinks(homedir())) {
    throw new LauncherError(
      `move ${file} into a directory of its own: the server can read all of that directory`,
    );
  }
  if (!existsSync(directory)) privateDirectory(directory);
  return file;
}

export function resolveLinks(path) {
  try {
    return realpathSync(path);
  } catch {
    const directory = dirname(path);
    return directory === path ? path : join(resolveLinks(directory), basename(path));
  }
}

/** Runs the component on this process's standard streams until it ends. */
export async function run({ environment, directories }) {
  const { _setArgs, _setEnv } = await import('@bytecodealliance/preview2-shim/cli');
  const { _setPreopens, preopens } = await import('@bytecodealliance/preview2-shim/filesystem');
  _setArgs(['oge-mcp']);
  _setEnv(environment);
  // Without this the whole disk would be open.
  _setPreopens(directories);
  for (const [directory, name] of preopens.getDirectories()) {
    if (name === '/settings') makeReadOnly(directory);
  }
  // What a full pipe does not take, this would keep until the thread is idle, and it never is.
  process.stdout.write = writeAll;
  const { run } = await import('../component/oge-mcp.js');
  try {
    run.run();
    return 0;
  } catch (error) {
    // An error that the component returned has a payload, and its log has said why.
    if (!('payload' in error)) console.error(`oge-mcp: the component trapped: ${error.message}`);
    return 1;
  }
}

/** Writes to standard output, and waits while its reader is slow. Ends the process if there is none. */
function writeAll(bytes) {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(0);
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}

/** Takes from a directory all that writes, and directories in it: preview2-shim has no such option. */
function makeReadOnly(directory) {
  const refuse = () => {
    throw 'read-only';
  };
  const writers = ['createDirectoryAt', 'linkAt', 'removeDirectoryAt', 'renameAt', 'setTimesAt'];
  for (const name of [...writers, 'symlinkAt', 'unlinkFileAt']) directory[name] = refuse;
  const openAt = directory.openAt.bind(directory);
  directory.openAt = (pathFlags, path, openFlags, descriptorFlags) => {
    const { create, truncate } = openFlags;
    const { write, mutateDirectory } = descriptorFlags;
    if (create || truncate || openFlags.directory || write || mutateDirectory) refuse();
    return openAt(pathFlags, path, openFlags, descriptorFlags);
  };
}
