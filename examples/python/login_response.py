"""Classifies the response to a login. `../login-responses.json` has examples of all kinds."""

import email.utils
import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

# The platform locks an account after five failures, so a wrong password must not be classified as an
# unavailable authority. It may have any status and code, so the text decides.
PASSWORD = re.compile(r"密码|密碼|口令|passwo?r?d|credential|invalid_(grant|client)", re.I)
ACCOUNT = re.compile(r"[账帐賬帳][号户號戶]|用[户戶]|account|user", re.I)
LOCKED = re.compile(r"锁定|鎖定|冻结|(?<![a-z])locked", re.I)
NUMBER = r"(\d+|[零一二两三四五六七八九十]|\b(?:no|one|two|three|four|five)\b)"
NUMBERS = {word: n for n, word in enumerate("零一二三四五六七八九十")} | {"两": 2}
NUMBERS |= {word: n for n, word in enumerate(("no", "one", "two", "three", "four", "five"))}
LEFT = r"(?:剩|余|还有|还可|还能|还允许|尚有|可再|再输|再错|再失败)"
TRIES = r"\b(?:attempt|tr(?:y|ies)|chance|failed login)(?:\(?s\)?)?(?!\w)"
LOGIN = re.compile(r"登[录錄]|log ?in|sign in", re.I)
TRIES_LEFT = [
    re.compile(pattern, re.I)
    for pattern in (
        LEFT + r"[^。，；,;]*?(?:次|机会)[^。，；,;\d]*?" + NUMBER,
        LEFT + r"[^。，；,;\d]*?" + NUMBER + r"\s*次",
        r"最后(一)次机会",
        NUMBER + r"[^.,;\d]*?" + TRIES + r" (?:left|remain)",
        NUMBER + r"(?: of \d+)? more[^.,;\d]*?" + TRIES,
        NUMBER + r" of \d+ " + TRIES + r" (?:left|remain)",
        r"(?:" + TRIES + r" (?:left|remaining)|remaining " + TRIES + r"|remaining:)\D*(\d+)",
    )
]
NO_TRIES_LEFT = re.compile(r"无剩余|没有剩余|没有机会|无机会")
REASONS = ("msg", "message", "error_description", "errmsg", "error")
FAILED = ("fail", "failed", "failure", "error")
MAX_PLAIN_LENGTH = 1024
JWT = re.compile(r"(Bearer +)?[\w-]+\.[\w-]+\.[\w-]*", re.I)
MAX_DEPTH = 3
MAX_REASON_LENGTH = 200
# A shorter secret is part of ordinary words, and replacing it there would reveal it.
SHORTEST_SECRET = 4
# Words of this length may be a token.
LONG_WORD = re.compile(r"[\w.~+/=-]{20,}", re.ASCII)


class Meaning(NamedTuple):
    """`kind` is token, rejected, failed or unavailable. `reason` is the message; pass it to `shown`."""

    kind: str
    authorization: str = ""
    code: int | None = None
    tries_left: int | None = None
    reason: str = ""
    problem: str = ""


def read(status: int, text: bytes) -> Meaning:
    is_ok = 200 <= status <= 299
    expected = "a token was expected in data.token or access_token"
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        expected = "its body is not JSON; check OGE_TOKEN_URL"
        plain = text.decode("utf-8", "replace")
        is_page = plain.lstrip().startswith("<") or len(plain) > MAX_PLAIN_LENGTH
        answer = "" if is_page else plain
    objects = list(within(answer, MAX_DEPTH))
    codes = (o[name] for o in objects for name in ("code", "errcode") if o.get(name) is not None)
    given = next(codes, None)
    code = whole(given)
    denials = (o.get(name) for o in objects for name in ("success", "ok"))
    is_denied = any(str(denial).lower() in ("false", "0") for denial in denials)
    token = first_text(objects, "token", "access_token", "accessToken")
    problem = ""
    # A code in an inner object may be unrelated to the login.
    outer = whole(objects[0].get("code", objects[0].get("errcode"))) if objects else None
    if is_ok and token and not is_denied and not is_in(outer, (400, 599), (40_000, 59_999)):
        scheme = first_text(objects, "tokenHead", "token_type", "tokenType")
        if value := authorization(token, scheme):
            return Meaning("token", value)
        problem = "it gave a token that no header can carry"
    texts = [o[name] for o in objects for name in (*REASONS, "text") if is_text(o.get(name))]
    found = (form.search(text) for text in texts for form in TRIES_LEFT)
    tries = [match[1].lower() for match in found if match]
    left = min((NUMBERS[n] if n in NUMBERS else int(n) for n in tries), default=None)
    if any(NO_TRIES_LEFT.search(text) for text in texts):
        left = 0
    password, account, locked = (
        any(words.search(text) for text in texts) for words in (PASSWORD, ACCOUNT, LOCKED)
    )
    # A busy or broken authority may also mention users and locks ("database is locked").
    is_login = account or any(LOGIN.search(text) for text in texts)
    surely = password or (account and locked) or (is_login and left is not None)
    perhaps = surely or account or locked
    has_error = any(o.get("error") and o["error"] is not True for o in objects)
    has_status = any(str(o.get("status")).lower() in FAILED for o in objects)
    has_failed = is_denied or given is not None or has_error or has_status
    is_success = not is_denied and is_in(code, (0, 0), (200, 299), (20_000, 20_000))
    is_transient = code in (408, 429, 40_800, 42_900)
    if problem:
        kind = "unavailable"
    elif status in (400, 401, 403, 423):
        kind = "rejected"
    elif status in (408, 429) or status >= 500:
        kind = "rejected" if surely else "unavailable"
    elif status == 422:
        kind = "rejected" if perhaps else "failed"
    elif not is_ok:
        kind = "rejected" if perhaps else "unavailable"
    elif is_success or is_transient:
        kind = "rejected" if surely else "unavailable"
    elif perhaps or is_in(code, (400, 499), (40_000, 49_999)):
        kind = "rejected"
    else:
        kind = "failed" if has_failed else "unavailable"
    if is_ok and kind == "unavailable" and not is_transient:
        problem = problem or expected
    reason = next((o[name] for name in REASONS for o in objects if is_text(o.get(name))), "")
    if len(token) >= SHORTEST_SECRET:
        reason = reason.replace(token, "***")
    return Meaning(kind, code=code, tries_left=left, reason=reason, problem=problem)


def shown(reason: str, secrets: Iterable[str]) -> str:
    """Returns the start of a reason. Replaces secrets by `***`, also in their forms in the URL and the
    body, and words that may be a token."""
    long = [secret.strip() for secret in secrets if len(secret.strip()) >= SHORTEST_SECRET]
    spellings = {
        spelling
        for secret in long
        for spelling in (secret, quote_plus(secret), quote(secret, safe=""), json.dumps(secret)[1:-1])
    }
    for spelling in sorted(spellings, key=len, reverse=True):
        reason = reason.replace(spelling, "***")
    plain = "".join(c if c.isprintable() else " " for c in LONG_WORD.sub("***", reason))
    plain = " ".join(plain.split())
    return plain if len(plain) <= MAX_REASON_LENGTH else f"{plain[:MAX_REASON_LENGTH]}…"


def authorization(token: str, scheme: str = "") -> str:
    """Returns the header for a token with or without its scheme; empty if it is invalid in a header."""
    bare = re.sub(r"^bearer +", "", token.strip(), flags=re.I)
    head = re.sub(r"^bearer$", "Bearer", scheme.strip(), flags=re.I) or "Bearer"
    is_usable = re.fullmatch(r"[\x21-\x7e]{1,16384}", bare) and bare.lower() != "bearer"
    return f"{head} {bare}" if is_usable and re.fullmatch(r"[\x21-\x7e]{1,32}", head) else ""


def retry_after(value: str) -> float:
    """Returns the seconds of a `Retry-After` value: seconds or a date."""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def within(value: object, depth: int) -> Iterator[dict[str, Any]]:
    """Yields the objects that may have a message, the outermost first. A text instead of one is `text`."""
    if is_text(value):
        yield {"token" if JWT.fullmatch(value) else "text": value}
    if not isinstance(value, dict) or depth == 0:
        return
    yield value
    for name in ("data", "result", "detail", *REASONS):
        if name not in REASONS or isinstance(value.get(name), dict):
            yield from within(value.get(name), depth - 1)


def whole(code: object) -> int | None:
    """Returns a code as an integer. It may be a number or a text, with a fraction of zeros."""
    if isinstance(code, bool) or not isinstance(code, (int, float, str)):
        return None
    match = re.fullmatch(r"\s*(-?[0-9]{1,18})(\.0*)?\s*", str(code))
    return int(match[1]) if match else None


def is_in(code: int | None, *ranges: tuple[int, int]) -> bool:
    return code is not None and any(low <= code <= high for low, high in ranges)


def first_text(objects: list[dict[str, Any]], *names: str) -> str:
    return next((o[name] for o in objects for name in names if is_text(o.get(name))), "")


def is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""
