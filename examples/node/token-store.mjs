// `oge:tools/token-store` in JavaScript: the contract is in `wit/token-store.wit`. `jco transpile
// --map` makes the generated code import this module, so the token lives as long as the thread that
// makes the calls, whatever becomes of the component's instance.
//
// The component's imports are synchronous: without JSPI, which Node 20 lacks, jco cannot await a
// promise in the middle of a call. So the login runs in a worker, and this thread sleeps until it is
// done (preview2-shim does the same for the component's HTTP). While it sleeps no second call can
// run, which is why one login serves all calls without a lock.

import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';

const TIME_LIMIT_MS = 30_000;
const DENIED_MS = 5_000;

/** jco hands `payload` to the component as the `err` of the result. */
class TokenError extends Error {
  constructor(tag, why) {
    super(`${tag}: ${why}`);
    this.payload = { tag, val: why };
  }
}

let held; // { authorization, generation }; undefined until there is one
let refused; // the generation that the platform has refused
let denied; // the authority's last refusal, and until when it is answered from here

const given = process.env.OGE_TOKEN?.trim();
if (given) hold('Bearer', given.replace(/^bearer +/i, ''));

/** The token to use now. */
export function get() {
  return isUsable() ? held : login();
}

/** What is held, whatever its state. */
export function peek() {
  return held;
}

/** A token other than generation `stale`; a new one, whatever is held, where that is undefined. */
export function refresh(stale) {
  if (stale === undefined) return login();
  // Even where the login fails, the refused token is not served again.
  if (stale === held?.generation) refused = stale;
  return get();
}

function isUsable() {
  return held !== undefined && held.generation !== refused;
}

function hold(scheme, token) {
  const now = BigInt(Date.now()) * 1000n;
  const next = (held?.generation ?? 0n) + 1n;
  held = { authorization: `${scheme} ${token}`, generation: now > next ? now : next };
  return held;
}

function login() {
  // Wrong credentials, tried again by every call, would lock the account.
  if (denied && performance.now() < denied.until) throw denied.error;
  const { url, body } = loginRequest();
  const { status, text, unanswered } = send(url.href, body);
  if (unanswered) {
    throw new TokenError('unavailable', `no answer from ${url.origin}: ${unanswered}`);
  }
  const answer = parse(text);
  const token = answer?.data?.token;
  if (status === 200 && typeof token === 'string' && token.trim()) {
    return hold(String(answer.data.tokenHead ?? '').trim() || 'Bearer', token.trim());
  }
  // The answer's own words stay out: they may echo a secret.
  const code = Number.isInteger(answer?.code) ? answer.code : undefined;
  const coded = code === undefined ? '' : `, code ${code}`;
  const why = `${url.origin} answered HTTP ${status}${coded}, and no token`;
  if (!isRefusal(status, code)) throw new TokenError('unavailable', why);
  const check = 'OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and OGE_CLIENT_SECRET';
  const error = new TokenError('rejected', `${why}; check ${check}`);
  denied = { error, until: performance.now() + DENIED_MS };
  throw error;
}

function isRefusal(status, code) {
  if (status !== 200) return [400, 401, 403].includes(status);
  return (code >= 400 && code <= 499 && code !== 429) || (code >= 40_000 && code <= 49_999);
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

/** Runs one login in a worker. The limit is for everything: look-up, connect, send, wait, read. */
function send(url, body) {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('login.mjs', import.meta.url), {
    workerData: { url, body, port: port2, done },
    transferList: [port2],
  });
  const isLate = Atomics.wait(done, 0, 0, TIME_LIMIT_MS) === 'timed-out';
  const reply = isLate ? undefined : receiveMessageOnPort(port1).message;
  port1.close();
  void worker.terminate();
  return reply ?? { unanswered: `none in ${TIME_LIMIT_MS / 1000} s` };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
