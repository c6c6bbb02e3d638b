"""A token store: what `wit/token-store.wit` asks for, in plain Python.

It knows nothing of WebAssembly. One store serves every instance of the component in this process,
on whatever thread it runs.
"""

import http.client
import json
import queue
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TIME_LIMIT_SECONDS = 30
DENIED_SECONDS = 5
MAX_REPLY_BYTES = 1 << 20


@dataclass(frozen=True)
class Token:
    # Kept out of `repr`: a token in a traceback or a log is a token given away.
    authorization: str = field(repr=False)
    generation: int


class TokenError(Exception):
    """Why there is no token; `tag` is a case of `token-error`."""

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(f"{tag}: {why}")
        self.tag = tag
        self.why = why


class Reply(NamedTuple):
    status: int
    text: bytes


class TokenStore:
    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        # Held for a whole login, so that whoever needs a token meanwhile waits for that login.
        self._lock = threading.Lock()
        self._held: Token | None = None
        self._refused: int | None = None  # the generation that the platform has refused
        self._logins = 0  # how many have ended, well or not
        self._failure: TokenError | None = None  # of the last one
        self._denied_until = 0.0
        given = settings.get("OGE_TOKEN", "").strip()
        if given:
            scheme, _, token = given.partition(" ")
            self._hold("Bearer", token.strip() if scheme.lower() == "bearer" else given)

    def get(self) -> Token:
        """The token to use now."""
        logins = self._logins
        with self._lock:
            return self._usable() or self._join_or_log_in(logins)

    def peek(self) -> Token | None:
        """What is held, whatever its state."""
        return self._held

    def refresh(self, stale: int | None) -> Token:
        """A token other than generation `stale`; with None a new one, whatever is held."""
        logins = self._logins
        with self._lock:
            if stale is None:
                return self._join_or_log_in(logins)
            if self._held and self._held.generation == stale:
                # Even where the login fails, the refused token is not served again.
                self._refused = stale
            return self._usable() or self._join_or_log_in(logins)

    def _usable(self) -> Token | None:
        is_refused = self._held is not None and self._held.generation == self._refused
        return None if is_refused else self._held

    def _join_or_log_in(self, logins_before: int) -> Token:
        """The outcome of a login that ended while this thread waited, else of one of its own."""
        if self._logins != logins_before:
            if self._failure:
                raise self._failure
            if token := self._usable():
                return token
        # Wrong credentials, tried again by every call, would lock the account.
        if self._failure and time.monotonic() < self._denied_until:
            raise self._failure
        self._failure = None
        try:
            return self._hold(*log_in(self._settings))
        except TokenError as error:
            self._failure = error
            if error.tag == "rejected":
                self._denied_until = time.monotonic() + DENIED_SECONDS
            raise
        finally:
            self._logins += 1

    def _hold(self, scheme: str, token: str) -> Token:
        previous = self._held.generation if self._held else 0
        generation = max(previous + 1, time.time_ns() // 1000)
        self._held = Token(f"{scheme} {token}", generation)
        return self._held


def log_in(settings: Mapping[str, str]) -> tuple[str, str]:
    """Scheme and token of one login."""
    request, origin = login_request(settings)
    reply = send_in_time(request, origin)
    answer = json_object(reply.text)
    data = answer.get("data")
    data = data if isinstance(data, dict) else {}
    token = data.get("token")
    if reply.status == 200 and isinstance(token, str) and token.strip():
        return str(data.get("tokenHead") or "").strip() or "Bearer", token.strip()
    # The answer's own words stay out: they may echo a secret.
    code = answer.get("code") if isinstance(answer.get("code"), int) else None
    coded = "" if code is None else f", code {code}"
    why = f"{origin} answered HTTP {reply.status}{coded}, and no token"
    if not is_refusal(reply.status, code):
        raise TokenError("unavailable", why)
    check = "OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and OGE_CLIENT_SECRET"
    raise TokenError("rejected", f"{why}; check {check}")


def json_object(text: bytes) -> dict[str, Any]:
    """What the text says, if it is a JSON object; else an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def is_refusal(status: int, code: int | None) -> bool:
    if status != 200:
        return status in (400, 401, 403)
    return code is not None and code != 429 and (400 <= code <= 499 or 40_000 <= code <= 49_999)


def login_request(settings: Mapping[str, str]) -> tuple[urllib.request.Request, str]:
    def setting(name: str) -> str:
        value = settings.get(name, "")
        if not value.strip():
            raise TokenError("not-configured", name)
        return value

    try:
        parts = urllib.parse.urlsplit(setting("OGE_TOKEN_URL").strip())
        is_plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        _ = parts.port  # raises where it is none
    except ValueError:
        is_plain = False
    if not is_plain:
        raise TokenError("not-configured", "OGE_TOKEN_URL")
    user = {"username": setting("OGE_TOKEN_USERNAME"), "password": setting("OGE_TOKEN_PASSWORD")}
    query = {
        "scopes": settings.get("OGE_TOKEN_SCOPES", "").strip() or "web",
        "client_secret": setting("OGE_CLIENT_SECRET"),
        "client_id": setting("OGE_CLIENT_ID"),
        "grant_type": "password",
        **user,
    }
    whole_query = "&".join(filter(None, (parts.query, urllib.parse.urlencode(query))))
    url = parts._replace(query=whole_query, fragment="").geturl()
    request = urllib.request.Request(
        # Blanks and letters beyond ASCII, which urllib refuses to send, are percent-encoded.
        urllib.parse.quote(url, safe=string.punctuation),
        data=json.dumps(user).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    return request, f"{parts.scheme}://{parts.netloc}"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Followed, a redirect would carry the credentials to wherever the reply points."""

    def redirect_request(self, *_: object) -> None:
        return None


# The credentials pass no proxy that the environment happens to name.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects())


def send_in_time(request: urllib.request.Request, origin: str) -> Reply:
    """Sends the login. The limit is for everything: look-up, connect, send, wait, read.

    urllib's own timeout is for each step, so a dripping reply would never end. Hence a thread,
    which is left to itself when it is late.
    """
    outcome: queue.SimpleQueue[Reply | str] = queue.SimpleQueue()
    threading.Thread(target=lambda: outcome.put(send(request)), daemon=True).start()
    try:
        reply = outcome.get(timeout=TIME_LIMIT_SECONDS)
    except queue.Empty:
        reply = f"none in {TIME_LIMIT_SECONDS} s"
    if isinstance(reply, str):
        raise TokenError("unavailable", f"no answer from {origin}: {reply}")
    return reply


def send(request: urllib.request.Request) -> Reply | str:
    """The reply, or why there is none: never an error's own text, which may quote the URL."""
    try:
        try:
            reply = OPENER.open(request, timeout=TIME_LIMIT_SECONDS)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return Reply(reply.status, reply.read(MAX_REPLY_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        return getattr(cause, "strerror", None) or type(cause).__name__
