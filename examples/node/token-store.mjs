// `oge:tools/token-store` in JavaScript; `wit/token-store.wit` specifies it. `jco transpile --map` makes the
// generated code import this module. The token lives as long as the thread, not only as long as an instance.
//
// The component's imports are synchronous: without JSPI, which Node 20 lacks, jco cannot await a promise during
// a call. So the login runs in a worker, and this thread blocks until it is done, like preview2-shim's HTTP. No
// other call can run meanwhile, so all calls share one login without a lock.

import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

import { authorization, read, retryAfterMs, shown } from './login-response.mjs';

const TIME_LIMIT_MS = 30_000;
// The backoff after the first and the second login with rejected credentials. After the third there is no other
// login, because the platform locks an account after five.
const REJECTED_MS = [60_000, 600_000];
const FAILED_MS = [60_000, 600_000, 3_600_000];
const MAX_RETRY_AFTER_MS = 600_000;

/** jco passes `payload` to the component as the `err` of the result. */
class TokenError extends Error {
  constructor(tag, why) {
    super(`${tag}: ${why}`);
    this.payload = { tag, val: why };
  }
}

const ACCOUNT = ['OGE_TOKEN', 'OGE_TOKEN_URL', 'OGE_TOKEN_USERNAME', 'OGE_CLIENT_ID', 'OGE_TOKEN_SCOPES'];
const SECRETS = ['OGE_TOKEN_PASSWORD', 'OGE_CLIENT_SECRET'];

let account; // the settings that all other variables belong to
let secrets; // the settings that `refusals` and `wait` belong to
let held; // { authorization, generation }; undefined until there is one
let refused; // the generation that the platform has rejected
let refusals; // logins with these credentials that the authority rejected
let outages; // logins in a row without a usable response
let wait; // { tag, why, until }: the last failure, and until when calls fail with it
let newest = 0n; // the last generation

/** Returns the token to use. */
export function get() {
  notice();
  const given = process.env.OGE_TOKEN?.trim();
  if (given && !authorization(given)) throw new TokenError('not-configured', 'OGE_TOKEN');
  return isUsable() ? held : login();
}

/** Returns the held token, also a rejected one. */
export function peek() {
  notice();
  return held;
}

/** Returns a token other than generation `stale`; always a new one if `stale` is undefined. */
export function refresh(stale) {
  notice();
  // A forced login may use rejected credentials once more.
  if (stale === undefined) return login({ isAsked: true });
  // Recorded first: even if the login fails, the rejected token is not returned again.
  if (stale === held?.generation) refused = stale;
  return get();
}

/** Discards the state of other settings. */
function notice() {
  const values = (names) => JSON.stringify(names.map((name) => process.env[name]));
  if (secrets !== values(SECRETS) || account !== values(ACCOUNT)) {
    [refusals, outages, wait] = [0, 0, undefined];
    secrets = values(SECRETS);
  }
  if (account === values(ACCOUNT)) return;
  account = values(ACCOUNT);
  held = undefined;
  const given = authorization(process.env.OGE_TOKEN ?? '');
  if (given) hold(given);
}

function isUsable() {
  return held !== undefined && held.generation !== refused;
}

function hold(value) {
  const now = BigInt(Date.now()) * 1000n;
  newest = now > newest ? now : newest + 1n;
  held = { authorization: value, generation: newest };
  return held;
}

function login({ isAsked = false } = {}) {
  const { url, body } = loginRequest();
  const isAllowed = isAsked && wait?.tag === 'rejected';
  if (wait && performance.now() < wait.until && !isAllowed) throw failure();
  const response = send(url.href, body);
  const meant = response.unanswered ? { kind: 'unavailable' } : read(response.status, response.text ?? '');
  if (meant.kind === 'token') {
    [refusals, outages, wait] = [0, 0, undefined];
    return hold(meant.authorization);
  }
  const ms = pause(meant, response.retryAfter);
  const tag = meant.kind === 'rejected' ? 'rejected' : 'unavailable';
  wait = { tag, why: describe(url, response, meant), until: performance.now() + ms };
  throw failure();
}

/** Returns the last failure with the remaining time. */
function failure() {
  const { tag, why, until } = wait;
  const seconds = Math.ceil((until - performance.now()) / 1000);
  const next = until === Infinity ? 'until they change' : `for ${seconds} s`;
  return new TokenError(tag, `${why}; no login is made ${next}`);
}

/** Returns the milliseconds until the next login is allowed. */
function pause({ kind, triesLeft }, retryAfter) {
  if (kind === 'unavailable') {
    const backoff = Math.min(1000 * 2 ** outages++, 60_000) * (1 + Math.random() / 4);
    return Math.max(backoff, Math.min(retryAfterMs(retryAfter ?? ''), MAX_RETRY_AFTER_MS));
  }
  const refusal = refusals++;
  if (kind === 'failed') return FAILED_MS[Math.min(refusal, FAILED_MS.length - 1)];
  return triesLeft < 3 ? Infinity : (REJECTED_MS[refusal] ?? Infinity);
}

/** Describes the failure, with the authority's message. */
function describe(url, { status, unanswered, location, problem }, meant) {
  if (unanswered) return `no answer from ${url.origin}: ${unanswered}`;
  if (status >= 300 && status < 400) {
    const target = URL.canParse(location, url) ? new URL(location, url).origin : 'elsewhere';
    return `${url.origin} redirects to ${target} (HTTP ${status}); set OGE_TOKEN_URL to where it leads`;
  }
  const { OGE_TOKEN_PASSWORD, OGE_CLIENT_SECRET, OGE_TOKEN } = process.env;
  const secrets = [OGE_TOKEN_PASSWORD, OGE_CLIENT_SECRET, OGE_TOKEN, held?.authorization.split(' ')[1]];
  const code = meant.code === undefined ? '' : `, code ${meant.code}`;
  const reason = meant.reason === undefined ? '' : `: ${shown(meant.reason, secrets)}`;
  const left = meant.triesLeft === undefined ? '' : ` (${meant.triesLeft} tries left)`;
  const what = [`${url.origin} answered HTTP ${status}${code}${reason}${left}`, problem ?? meant.problem];
  if (meant.kind !== 'unavailable')
    what.push('check OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and OGE_CLIENT_SECRET');
  return what.filter(Boolean).join('; ');
}

function loginRequest() {
  const text = setting('OGE_TOKEN_URL');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = /^https?:$/.test(url?.protocol) && !url.username && !url.password;
  if (!isPlain) throw new TokenError('not-configured', 'OGE_TOKEN_URL');
  const user = { username: setting('OGE_TOKEN_USERNAME'), password: setting('OGE_TOKEN_PASSWORD') };
  const query = {
    scopes: process.env.OGE_TOKEN_SCOPES?.trim() || 'web',
    client_secret: setting('OGE_CLIENT_SECRET'),
    client_id: setting('OGE_CLIENT_ID'),
    grant_type: 'password',
    ...user,
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  return { url, body: JSON.stringify(user) };
}

function setting(name) {
  const value = process.env[name];
  if (!value?.trim()) throw new TokenError('not-configured', name);
  return value;
}

/** Runs one login in a worker. The time limit covers name look-up, connecting, sending, waiting and reading. */
function send(url, body) {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('login.mjs', import.meta.url), {
    workerData: { url, body, port: port2, done },
    transferList: [port2],
  });
  const isLate = Atomics.wait(done, 0, 0, TIME_LIMIT_MS) === 'timed-out';
  const response = isLate ? undefined : receiveMessageOnPort(port1).message;
  port1.close();
  void worker.terminate();
  return response ?? { unanswered: `none in ${TIME_LIMIT_MS / 1000} s` };
}
