// Classifies the response to a login. `../login-responses.json` has examples of all kinds.

// The platform locks an account after five failures, so a wrong password must not be classified as an
// unavailable authority. It may have any status and code, so the text decides.
const PASSWORD = /密码|密碼|口令|passwo?r?d|credential|invalid_(grant|client)/i;
const ACCOUNT = /[账帐賬帳][号户號戶]|用[户戶]|account|user/i;
const LOCKED = /锁定|鎖定|冻结|(?<![a-z])locked/i;
const NUMBER = String.raw`(\d+|[零一二两三四五六七八九十]|\b(?:no|one|two|three|four|five)\b)`;
const NUMBERS = new Map([...'零一二三四五六七八九十'].map((word, n) => [word, n]));
['no', 'one', 'two', 'three', 'four', 'five'].forEach((word, n) => NUMBERS.set(word, n));
NUMBERS.set('两', 2);
const LEFT = '(?:剩|余|还有|还可|还能|还允许|尚有|可再|再输|再错|再失败)';
const TRIES = String.raw`\b(?:attempt|tr(?:y|ies)|chance|failed login)(?:\(?s\)?)?(?!\w)`;
const LOGIN = /登[录錄]|log ?in|sign in/i;
const TRIES_LEFT = [
  String.raw`${LEFT}[^。，；,;]*?(?:次|机会)[^。，；,;\d]*?${NUMBER}`,
  String.raw`${LEFT}[^。，；,;\d]*?${NUMBER}\s*次`,
  '最后(一)次机会',
  String.raw`${NUMBER}[^.,;\d]*?${TRIES} (?:left|remain)`,
  String.raw`${NUMBER}(?: of \d+)? more[^.,;\d]*?${TRIES}`,
  String.raw`${NUMBER} of \d+ ${TRIES} (?:left|remain)`,
  String.raw`(?:${TRIES} (?:left|remaining)|remaining ${TRIES}|remaining:)\D*(\d+)`,
].map((pattern) => new RegExp(pattern, 'i'));
const NO_TRIES_LEFT = /无剩余|没有剩余|没有机会|无机会/;
const REASONS = ['msg', 'message', 'error_description', 'errmsg', 'error'];
const FAILED = ['fail', 'failed', 'failure', 'error'];
const MAX_PLAIN_LENGTH = 1024;
const JWT = /^(Bearer +)?[\w-]+\.[\w-]+\.[\w-]*$/i;
const MAX_DEPTH = 3;
const MAX_REASON_LENGTH = 200;
// A shorter secret is part of ordinary words, and replacing it there would reveal it.
const SHORTEST_SECRET = 4;
// Words of this length may be a token.
const LONG_WORD = /[\w.~+/=-]{20,}/g;

/**
 * Returns `{ kind: 'token', authorization }`, or `{ kind, code, triesLeft, reason, problem }` with the kind
 * `rejected`, `failed` or `unavailable`. `reason` is the response's message; pass it to `shown`.
 */
export function read(status, text) {
  const isOk = status >= 200 && status <= 299;
  const json = parse(text);
  const isPage = text.trimStart().startsWith('<') || text.length > MAX_PLAIN_LENGTH;
  const objects = [...within(json ?? (isPage ? '' : text), MAX_DEPTH)];
  const first = (names, isIt) =>
    objects.flatMap((object) => names.map((name) => object[name])).find(isIt);
  const given = first(['code', 'errcode'], (value) => value !== undefined && value !== null);
  const number = typeof given === 'boolean' ? NaN : Number(given ?? NaN);
  const code = Number.isInteger(number) ? number : undefined;
  const denials = objects.flatMap(({ success, ok }) => [success, ok]);
  const isDenied = denials.some((denial) => ['false', '0'].includes(String(denial).toLowerCase()));
  const token = first(['token', 'access_token', 'accessToken'], isText);
  let problem;
  // A code in an inner object may be unrelated to the login.
  const outer = Number(objects[0]?.code ?? objects[0]?.errcode ?? NaN);
  if (isOk && token && !isDenied && !(isIn(outer, 400, 599) || isIn(outer, 40_000, 59_999))) {
    const scheme = first(['tokenHead', 'token_type', 'tokenType'], isText);
    const value = authorization(token, scheme);
    if (value) return { kind: 'token', authorization: value };
    problem = 'it gave a token that no header can carry';
  }
  const texts = objects.flatMap((object) => [...REASONS, 'text'].map((name) => object[name]));
  const says = (words) => texts.some((text) => isText(text) && words.test(text));
  const found = texts.filter(isText).flatMap((text) => TRIES_LEFT.map((form) => text.match(form)));
  const numbers = found.filter(Boolean).map(([, n]) => NUMBERS.get(n.toLowerCase()) ?? Number(n));
  const triesLeft = says(NO_TRIES_LEFT) ? 0 : numbers.length > 0 ? Math.min(...numbers) : undefined;
  // A busy or broken authority may also mention users and locks ("database is locked").
  const isLogin = says(ACCOUNT) || says(LOGIN);
  const surely =
    says(PASSWORD) || (says(ACCOUNT) && says(LOCKED)) || (isLogin && triesLeft !== undefined);
  const perhaps = surely || says(ACCOUNT) || says(LOCKED);
  const hasFailed =
    isDenied ||
    given !== undefined ||
    first(['error'], (value) => value && value !== true) ||
    objects.some((object) => FAILED.includes(String(object.status).toLowerCase()));
  const isTransient = [408, 429, 40_800, 42_900].includes(code);
  const isSuccess = !isDenied && (code === 0 || isIn(code, 200, 299) || code === 20_000);
  const or = (blamed, kind) => (blamed ? 'rejected' : kind);
  let kind;
  if (problem) kind = 'unavailable';
  else if ([400, 401, 403, 423].includes(status)) kind = 'rejected';
  else if ([408, 429].includes(status) || status >= 500) kind = or(surely, 'unavailable');
  else if (status === 422) kind = or(perhaps, 'failed');
  else if (!isOk) kind = or(perhaps, 'unavailable');
  else if (isTransient || isSuccess) kind = or(surely, 'unavailable');
  else if (isIn(code, 400, 499) || isIn(code, 40_000, 49_999)) kind = 'rejected';
  else kind = or(perhaps, hasFailed ? 'failed' : 'unavailable');
  if (isOk && kind === 'unavailable' && !isTransient) {
    problem ??= json === undefined
      ? 'its body is not JSON; check OGE_TOKEN_URL'
      : 'a token was expected in data.token or access_token';
  }
  const said = REASONS.flatMap((name) => objects.map((object) => object[name])).find(isText);
  const reason = token?.length >= SHORTEST_SECRET ? said?.replaceAll(token, '***') : said;
  return { kind, code, triesLeft, reason, problem };
}

/**
 * Returns the start of a reason. Replaces secrets by `***`, also in their forms in the URL and the body, and
 * words that may be a token.
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

/** Returns the header for a token with or without its scheme; undefined if it is invalid in a header. */
export function authorization(token, scheme) {
  const bare = token.trim().replace(/^bearer +/i, '');
  const head = scheme?.trim().replace(/^bearer$/i, 'Bearer') || 'Bearer';
  const isUsable = /^[\x21-\x7e]{1,16384}$/.test(bare) && !/^bearer$/i.test(bare);
  return isUsable && /^[\x21-\x7e]{1,32}$/.test(head) ? `${head} ${bare}` : undefined;
}

/** Returns the milliseconds of a `Retry-After` value: seconds or a date. */
export function retryAfterMs(value) {
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}

/** Yields the objects that may have a message, the outermost first. A text instead of one is `{ text }`. */
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
