"""A token store in plain Python; `wit/token-store.wit` specifies it.

All instances of the component in this process share one store, from any thread.
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
# The backoff after the first and the second login with rejected credentials. After the third there is no
# other login, because the platform locks an account after five.
REJECTED_SECONDS = (60, 600)
FAILED_SECONDS = (60, 600, 3600)
MAX_RETRY_AFTER_SECONDS = 600


@dataclass(frozen=True)
class Token:
    # Not in `repr`, so that no traceback and no log shows the token.
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
    problem: str  # why the text cannot be read


class Failure(NamedTuple):
    """A failed login. Calls fail with it until `until`."""

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
        # Held during a login, so that other callers wait for that login.
        self._lock = threading.Lock()
        self._account: list[str | None] = []  # the settings that all other fields belong to
        self._secrets: list[str | None] = []  # those that the rejections belong to
        self._held: Token | None = None
        self._newest = 0  # the last generation
        self._refused: int | None = None  # the generation that the platform has rejected
        self._logins = 0  # the number of logins that have ended
        self._refusals = 0  # logins with these credentials that the authority rejected
        self._outages = 0  # logins in a row without a usable response
        self._failure: Failure | None = None  # of the last login
        self._notice()

    def get(self) -> Token:
        """Returns the token to use."""
        logins = self._logins
        with self._lock:
            self._notice()
            given = self._settings.get("OGE_TOKEN", "")
            if given.strip() and not authorization(given):
                raise TokenError("not-configured", "OGE_TOKEN")
            return self._usable() or self._join_or_log_in(logins)

    def peek(self) -> Token | None:
        """Returns the held token, also a rejected one."""
        return self._held

    def refresh(self, stale: int | None) -> Token:
        """Returns a token other than generation `stale`; always a new one if `stale` is None."""
        logins = self._logins
        with self._lock:
            self._notice()
            if stale is None:
                # A forced login may use rejected credentials once more.
                return self._join_or_log_in(logins, is_asked=True)
            if self._held and self._held.generation == stale:
                # Recorded first: even if the login fails, the rejected token is not returned again.
                self._refused = stale
            return self._usable() or self._join_or_log_in(logins)

    def _notice(self) -> None:
        """Discards the state of other settings."""
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
        """Returns the outcome of a login that ended while this thread waited, else logs in."""
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
        why = describe(origin, request, response, meant, secrets)
        self._failure = Failure(tag, why, time.monotonic() + seconds)
        raise self._failure.error()

    def _pause(self, meant: Meaning, response: Response | str) -> float:
        """Returns the seconds until the next login is allowed."""
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


def describe(
    origin: str,
    request: urllib.request.Request,
    response: Response | str,
    meant: Meaning,
    secrets: Iterable[str],
) -> str:
    """Describes the failure, with the authority's message."""
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
        _ = parts.port  # raises if it is invalid
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
        # Percent-encodes blanks and non-ASCII characters, which urllib refuses to send.
        urllib.parse.quote(url, safe=string.punctuation),
        data=json.dumps(user).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    return request, f"{parts.scheme}://{parts.netloc}"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects, which would send the credentials to another server."""

    def redirect_request(self, *_: object) -> None:
        return None


# Ignores proxies of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects())


def send_in_time(request: urllib.request.Request) -> Response | str:
    """Returns the response, or why there is none, within a time limit for the whole exchange.

    urllib's own timeout is for each step, so a slow response might never end. So the request runs in a
    thread, which is abandoned at the limit.
    """
    outcome: queue.SimpleQueue[Response | str] = queue.SimpleQueue()
    threading.Thread(target=lambda: outcome.put(send(request)), daemon=True).start()
    try:
        return outcome.get(timeout=TIME_LIMIT_SECONDS)
    except queue.Empty:
        return f"none in {TIME_LIMIT_SECONDS} s"


def send(request: urllib.request.Request) -> Response | str:
    """Returns the response, or why there is none: not an error's text, which may contain the URL."""
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
