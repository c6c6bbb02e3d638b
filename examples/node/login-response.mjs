// What the response to a login means. `../login-responses.json` has examples of all kinds.

// The platform locks an account after five failures, so a wrong password must not be taken for an
// authority that is down. It may come with any status and any code: words count.
const PASSWORD = /密码|密碼|口令|passwo?r?d|credential|invalid_(grant|client)/i;
const ACCOUNT = /[账帐賬帳][号户號戶]|用[户戶]|account|user/i;
const LOCKED = /锁定|鎖定|冻结|(?<![a-z])locked/i;
const TRIES_LEFT = [
  /(?:剩|还有|还可|还能)[^。，；,;]*?次[^。，；,;\d]*(\d+)/,
  /(?:剩|还有|还可|还能)[^。，；,;\d]*(\d+)\s*次/,
  /(\d+)[^.,;\d]*?(?:attempt|tr(?:y|ies)|chance)s? (?:left|remain)/i,
  /(?:(?:attempt|tr(?:y|ies)|chance)s? (?:left|remaining)|remaining (?:attempt|tr(?:y|ies)|chance)s?)\D*(\d+)/i,
];
const REASONS = ['msg', 'message', 'error_description', 'error'];
const JWT = /^(Bearer +)?[\w-]+\.[\w-]+\.[\w-]*$/i;
const MAX_DEPTH = 3;
const MAX_REASON_LENGTH = 200;
// A shorter secret is part of ordinary words: hiding it there would show what it is.
const SHORTEST_SECRET = 4;
// Words of this length may be a token.
const LONG_WORD = /[\w.~+/=-]{20,}/g;

/**
 * What it means: `{ kind: 'token', authorization }`, or `{ kind, code, triesLeft, reason, problem }` with
 * the kind `rejected`, `failed` or `unavailable`. The reason is what the response says, for `shown`.
 */
export function read(status, text) {
  const json = parse(text);
  if (json === undefined) {
    const isRejected = [400, 401, 403].includes(status);
    const problem = status === 200 ? 'its body is not JSON; check OGE_TOKEN_URL' : undefined;
    return { kind: isRejected ? 'rejected' : 'unavailable', problem };
  }
  const objects = [...within(json, MAX_DEPTH)];
  const first = (names, isIt) =>
    objects.flatMap((object) => names.map((name) => object[name])).find(isIt);
  const given = first(['code'], (value) => value !== undefined && value !== null);
  const number = Number(given ?? NaN);
  const code = Number.isInteger(number) ? number : undefined;
  const isDenied = objects.some(({ success }) => String(success) === 'false');
  const token = first(['token', 'access_token', 'accessToken'], isText);
  let problem;
  if (status === 200 && token && !isDenied && !(isIn(code, 400, 599) || isIn(code, 40_000, 59_999))) {
    const scheme = first(['tokenHead', 'token_type', 'tokenType'], isText);
    const value = authorization(token, scheme);
    if (value) return { kind: 'token', authorization: value };
    problem = 'it gave a token that no header can carry';
  }
  const texts = objects.flatMap((object) => [...REASONS, 'text'].map((name) => object[name]));
  const says = (words) => texts.some((text) => isText(text) && words.test(text));
  const left = texts.filter(isText).flatMap((text) => TRIES_LEFT.map((form) => text.match(form)));
  const triesLeft = left.find(Boolean)?.[1];
  // An authority that is busy or broken names users and locks too ("database is locked").
  const surely = says(PASSWORD) || (says(ACCOUNT) && says(LOCKED)) || triesLeft !== undefined;
  const perhaps = surely || says(ACCOUNT) || says(LOCKED);
  const hasFailed =
    isDenied || given !== undefined || first(['error'], (value) => value && value !== true);
  const isTransient = [408, 429, 40_800, 42_900].includes(code);
  const isSuccess = !isDenied && (code === 0 || isIn(code, 200, 299) || code === 20_000);
  const or = (blamed, kind) => (blamed ? 'rejected' : kind);
  let kind;
  if (problem) kind = 'unavailable';
  else if ([400, 401, 403, 423].includes(status)) kind = 'rejected';
  else if ([408, 429].includes(status) || status >= 500) kind = or(surely, 'unavailable');
  else if (status !== 200) kind = or(perhaps, 'unavailable');
  else if (isTransient || isSuccess) kind = or(surely, 'unavailable');
  else if (isIn(code, 400, 499) || isIn(code, 40_000, 49_999)) kind = 'rejected';
  else kind = or(perhaps, hasFailed ? 'failed' : 'unavailable');
  if (status === 200 && kind === 'unavailable' && !isTransient) {
    problem ??= 'a token was expected in data.token or access_token';
  }
  const said = REASONS.flatMap((name) => objects.map((object) => object[name])).find(isText);
  const reason = token?.length >= SHORTEST_SECRET ? said?.replaceAll(token, '***') : said;
  return { kind, code, triesLeft: triesLeft && Number(triesLeft), reason, problem };
}

/**
 * The start of a reason. Whole secrets are `***`, also as they were sent in the URL and in the body,
 * and so is what may be a token.
 */
export function shown(reason, secrets) {
  const inUrl = (secret) => new URLSearchParams({ '': secret }).toString().slice(1);
  const inBody = (secret) => JSON.stringify(secret).slice(1, -1);
  const plain = secrets
    .map((secret) => secret?.trim())
    .filter((secret) => secret?.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, inUrl(secret), encodeURIComponent(secret), inBody(secret)])
    .sort((one, other) => other.length - one.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), reason)
    .replace(LONG_WORD, '***')
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  const start = [...plain].slice(0, MAX_REASON_LENGTH).join('');
  return start === plain ? plain : `${start}…`;
}

/** The header for a token that may have its scheme; undefined if no header can carry it. */
export function authorization(token, scheme) {
  const bare = token.trim().replace(/^bearer +/i, '');
  const head = scheme?.trim().replace(/^bearer$/i, 'Bearer') || 'Bearer';
  const isUsable = /^[\x21-\x7e]{1,16384}$/.test(bare) && !/^bearer$/i.test(bare);
  return isUsable && /^[\x21-\x7e]{1,32}$/.test(head) ? `${head} ${bare}` : undefined;
}

/** How long `Retry-After` asks to wait: seconds, or a date. */
export function retryAfterMs(value) {
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}

/** The objects that say something, the outermost first. A text in place of one is `{ text }`. */
function* within(value, depth) {
  if (isText(value)) yield JWT.test(value) ? { token: value } : { text: value };
  if (!isObject(value) || depth === 0) return;
  yield value;
  for (const name of ['data', 'result', 'detail', ...REASONS]) {
    if (isObject(value[name]) || !REASONS.includes(name)) yield* within(value[name], depth - 1);
  }
}

function isIn(code, from, to) {
  return code >= from && code <= to;
}

function isText(value) {
  return typeof value === 'string' && value.trim() !== '';
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
