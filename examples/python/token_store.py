"""A token store: what `wit/token-store.wit` asks for, in plain Python.

It knows nothing of WebAssembly. One store serves every instance of the component in this process,
on whatever thread it runs.
"""

import http.client
import json
import math
import queue
import random
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from decoded import MAX_REPLY_BYTES, Undecoded, decoded
from login_response import Meaning, authorization, read, retry_after, shown

TIME_LIMIT_SECONDS = 30
# How long to wait after the first and the second login with credentials that were refused. After the
# third there is none: the platform locks an account after five.
REJECTED_SECONDS = (60, 600)
FAILED_SECONDS = (60, 600, 3600)
MAX_RETRY_AFTER_SECONDS = 600


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


class Response(NamedTuple):
    status: int
    text: bytes
    location: str
    retry_after: str
    problem: str  # what keeps the text from being read


class Failure(NamedTuple):
    """Of a login; until `until` it is the answer."""

    tag: str
    why: str
    until: float

    def error(self) -> TokenError:
        seconds = self.until - time.monotonic()
        until = "until they change" if seconds == math.inf else f"for {max(math.ceil(seconds), 0)} s"
        return TokenError(self.tag, f"{self.why}; no login is made {until}")


ACCOUNT = ("OGE_TOKEN", "OGE_TOKEN_URL", "OGE_TOKEN_USERNAME", "OGE_CLIENT_ID", "OGE_TOKEN_SCOPES")
SECRETS = ("OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET")


class TokenStore:
    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        # Held for a whole login, so that whoever needs a token meanwhile waits for that login.
        self._lock = threading.Lock()
        self._account: list[str | None] = []  # the settings that all the rest belongs to
        self._secrets: list[str | None] = []  # those that the refusals belong to
        self._held: Token | None = None
        self._newest = 0  # the last generation
        self._refused: int | None = None  # the generation that the platform has refused
        self._logins = 0  # how many have ended, well or not
        self._refusals = 0  # logins with these credentials that the authority refused
        self._outages = 0  # logins in a row that had no usable response
        self._failure: Failure | None = None  # of the last login
        self._notice()

    def get(self) -> Token:
        """The token to use now."""
        logins = self._logins
        with self._lock:
            self._notice()
            given = self._settings.get("OGE_TOKEN", "")
            if given.strip() and not authorization(given):
                raise TokenError("not-configured", "OGE_TOKEN")
            return self._usable() or self._join_or_log_in(logins)

    def peek(self) -> Token | None:
        """What is held, whatever its state."""
        return self._held

    def refresh(self, stale: int | None) -> Token:
        """A token other than generation `stale`; with None a new one, whatever is held."""
        logins = self._logins
        with self._lock:
            self._notice()
            if stale is None:
                # A person asks: only they may try refused credentials once more.
                return self._join_or_log_in(logins, is_asked=True)
            if self._held and self._held.generation == stale:
                # Even where the login fails, the refused token is not served again.
                self._refused = stale
            return self._usable() or self._join_or_log_in(logins)

    def _notice(self) -> None:
        """Forgets what belongs to other settings."""
        account, secrets = ([self._settings.get(name) for name in names] for names in (ACCOUNT, SECRETS))
        if secrets != self._secrets or account != self._account:
            self._secrets = secrets
            self._forget_failures()
        if account != self._account:
            self._account = account
            self._held = None
            if given := authorization(self._settings.get("OGE_TOKEN", "")):
                self._hold(given)

    def _forget_failures(self) -> None:
        self._refusals = self._outages = 0
        self._failure = None

    def _usable(self) -> Token | None:
        is_refused = self._held is not None and self._held.generation == self._refused
        return None if is_refused else self._held

    def _join_or_log_in(self, logins_before: int, is_asked: bool = False) -> Token:
        """The outcome of a login that ended while this thread waited, else of one of its own."""
        if self._logins != logins_before:
            if self._failure:
                raise self._failure.error()
            if token := self._usable():
                return token
        if self._failure and time.monotonic() < self._failure.until:
            if not (is_asked and self._failure.tag == "rejected"):
                raise self._failure.error()
        try:
            token = self._hold(self._log_in())
        finally:
            self._logins += 1
        self._forget_failures()
        return token

    def _log_in(self) -> str:
        request, origin = login_request(self._settings)
        response = send_in_time(request)
        meant = read(*response[:2]) if isinstance(response, Response) else Meaning("unavailable")
        if meant.kind == "token":
            return meant.authorization
        seconds = self._pause(meant, response)
        tag = "rejected" if meant.kind == "rejected" else "unavailable"
        secrets = [self._settings.get(name, "") for name in (*SECRETS, "OGE_TOKEN")]
        if self._held:
            secrets.append(self._held.authorization.partition(" ")[2])
        why = told(origin, request, response, meant, secrets)
        self._failure = Failure(tag, why, time.monotonic() + seconds)
        raise self._failure.error()

    def _pause(self, meant: Meaning, response: Response | str) -> float:
        """How many seconds no login is made after this one."""
        if meant.kind == "unavailable":
            backoff = min(2**self._outages, 60) * random.uniform(1, 1.25)
            self._outages = min(self._outages + 1, 6)
            asked = retry_after(response.retry_after) if isinstance(response, Response) else 0
            return max(backoff, min(asked, MAX_RETRY_AFTER_SECONDS))
        self._refusals += 1
        if meant.kind == "failed":
            return FAILED_SECONDS[min(self._refusals, len(FAILED_SECONDS)) - 1]
        is_last = self._refusals > len(REJECTED_SECONDS)
        if is_last or (meant.tries_left is not None and meant.tries_left < 3):
            return math.inf
        return REJECTED_SECONDS[self._refusals - 1]

    def _hold(self, value: str) -> Token:
        self._newest = max(self._newest + 1, time.time_ns() // 1000)
        self._held = Token(value, self._newest)
        return self._held


def told(
    origin: str,
    request: urllib.request.Request,
    response: Response | str,
    meant: Meaning,
    secrets: Iterable[str],
) -> str:
    """What happened, with what the authority said."""
    if isinstance(response, str):
        return f"no answer from {origin}: {response}"
    if 300 <= response.status < 400:
        try:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(request.full_url, response.location))
            leads = f"{target.scheme}://{target.netloc.rpartition('@')[2]}"
        except ValueError:
            leads = "elsewhere"
        return f"{origin} redirects to {leads} (HTTP {response.status}); set OGE_TOKEN_URL to where it leads"
    code = "" if meant.code is None else f", code {meant.code}"
    reason = f": {shown(meant.reason, secrets)}" if meant.reason else ""
    left = "" if meant.tries_left is None else f" ({meant.tries_left} tries left)"
    check = ""
    if meant.kind != "unavailable":
        check = "check OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and OGE_CLIENT_SECRET"
    what = f"{origin} answered HTTP {response.status}{code}{reason}{left}"
    return "; ".join(filter(None, (what, response.problem or meant.problem, check)))


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
    """Followed, a redirect would carry the credentials to wherever the response points."""

    def redirect_request(self, *_: object) -> None:
        return None


# The credentials pass no proxy that the environment happens to name.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects())


def send_in_time(request: urllib.request.Request) -> Response | str:
    """The response, or why there is none. The limit is for everything: look-up, connect, send, wait, read.

    urllib's own timeout is for each step, so a dripping response would never end. Hence a thread,
    which is left to itself when it is late.
    """
    outcome: queue.SimpleQueue[Response | str] = queue.SimpleQueue()
    threading.Thread(target=lambda: outcome.put(send(request)), daemon=True).start()
    try:
        return outcome.get(timeout=TIME_LIMIT_SECONDS)
    except queue.Empty:
        return f"none in {TIME_LIMIT_SECONDS} s"


def send(request: urllib.request.Request) -> Response | str:
    """The response, or why there is none: never an error's own text, which may quote the URL."""
    try:
        try:
            response = OPENER.open(request, timeout=TIME_LIMIT_SECONDS)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            header = response.headers.get
            text, problem = response.read(MAX_REPLY_BYTES + 1), ""
            try:
                text = decoded(text, ", ".join(response.headers.get_all("Content-Encoding", ())))
            except Undecoded as why:
                text, problem = b"", str(why)
            location, retry = header("Location", ""), header("Retry-After", "")
            return Response(response.status, text, location, retry, problem)
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        return getattr(cause, "strerror", None) or type(cause).__name__
