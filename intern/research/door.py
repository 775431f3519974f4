"""The one door to the network: a short list of hosts, one call after another, kept answers.

A host that is not on the list is refused before a connection, also when a listed one redirects to it. Each host has its
own pause between calls, which processes share, and its own token, which no other host gets. Answers are bounded in size
and time and kept on disk, with what looks like one of our tokens struck out.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from threading import Timer
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from intern import files, llm
from intern.research import cache
from intern.research.plain import one_line
from intern.research.services import SERVICES, token_of
from intern.research.settings import Settings

MOST = 20_000_000  # bytes of an answer: a long paper's PDF has 10 MB
SECONDS = 60.0  # of one answer, from the connection to its last byte
SILENCE = 15.0  # seconds without a byte
TRIES = 4
PATIENCE = 60.0  # longest Retry-After that is waited for, in seconds
HOPS = 3  # redirects
BUSY = (429, 500, 502, 503, 504, 529)
ABSENT = (404, 410)
LOCAL = ("127.0.0.1", "::1", "localhost")
T = TypeVar("T")


class NoAnswer(Exception):
    """A service that cannot be used now, and why; the pass goes on without it."""


class Door:
    """What has been asked in one pass."""

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self.settings = settings
        self.folder = folder or files.cache() / "research"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bases = {name: str(getattr(settings, name)).rstrip("/") for name in SERVICES}
        self.allowed = {origin(address) for address in self.bases.values()}
        self.secrets = {name: token_of(service) for name, service in SERVICES.items()}
        self.down: dict[str, str] = {}
        self.calls = self.kept = 0
        self.end = time.monotonic() + 60 * settings.minutes

    def json(self, service: str, path: str, **query: Any) -> Any:
        """Return what a service answers as JSON; None if it has no such thing.

        Raises:
            NoAnswer: if it gives none that can be read.
        """
        return self.get(service, path, query, json.loads)

    def get(self, service: str, path: str, query: Mapping[str, Any], read: Callable[[bytes], T]) -> T | None:
        """Return what `read` makes of a service's answer; None if it has no such thing.

        Args:
            service: one of SERVICES.
            path: below the service's address; characters that mean something in a URL are quoted.
            query: its parameters.
            read: raises ValueError for what it cannot read, which is not kept.

        Raises:
            NoAnswer: if there is none, neither there nor in the cache.
        """
        asked = f"?{urlencode(sorted(query.items()))}" if query else ""
        address = self.bases[service] + quote(path, safe="/:") + asked
        place = self.folder / hashlib.sha256(f"{service} {address}".encode()).hexdigest()
        offline = self.settings.offline
        if offline or time.time() - cache.written(place) < 86400 * self.settings.days:
            try:
                return self.recalled(service, place, read)
            except NoAnswer:
                if offline:
                    raise
        try:
            body = self.fetch(service, address)
            answer = None if body is None else parsed(service, body, read)
        except NoAnswer:
            if not place.exists():
                raise
            return self.recalled(service, place, read)  # old, and better than none
        cache.keep(place, body)
        return answer

    def recalled(self, service: str, place: Path, read: Callable[[bytes], T]) -> T | None:
        """Return an answer that was kept.

        Raises:
            NoAnswer: if there is none that can be read.
        """
        if not place.exists():
            raise NoAnswer(f"{service}: offline, and its answer is not in the cache")
        body = cache.stored(place)
        answer = None if body is None else parsed(service, body, read)
        self.kept += 1
        return answer

    def fetch(self, service: str, address: str) -> bytes | None:
        """Return the body of an answer, asking again where that may help; None if there is no such thing.

        Raises:
            NoAnswer: with the reason; a service that did not answer is not asked again in this pass.
        """
        if service in self.down:
            raise NoAnswer(self.down[service])
        for attempt in range(TRIES):
            if time.monotonic() > self.end:
                raise NoAnswer(f"{service}: the time for research is used up (research.minutes)")
            self.turn(service)
            try:
                status, told, body = self.followed(service, address)
            except OSError as fault:  # every one of the client's is turned into it
                status, told, body = 0, "", b""
                why = f"does not answer ({one_line(fault, 80)})"
            if status == 200 or status in ABSENT:
                return self.struck(body) if status == 200 else None
            if status and status not in BUSY:
                raise NoAnswer(f"{service}: answers {status}")
            why = f"answers {status}" if status else why
            wait = waiting(told, 2.0**attempt * self.pace(service))
            if wait > PATIENCE:
                break
            if attempt < TRIES - 1:
                time.sleep(max(wait, 0.0))
        self.down[service] = f"{service}: {why}, and is not asked again now"
        raise NoAnswer(self.down[service])

    def followed(self, service: str, address: str) -> tuple[int, str, bytes]:
        """Return (status, Retry-After, body) of an address, following redirects inside the list of hosts.

        Raises:
            NoAnswer: for a host that is not on it, before it is connected to.
            OSError: if no answer came.
        """
        from urllib.parse import urljoin

        for _ in range(HOPS + 1):
            host = origin(address)
            if host not in self.allowed:
                raise NoAnswer(f"{service}: leads to {one_line(host[1], 60)}, which is no host of research")
            status, headers, body = self.once(service, host, address)
            if status not in (301, 302, 303, 307, 308):
                return status, headers.get("retry-after", ""), body
            address = urljoin(address, headers.get("location", ""))
        raise NoAnswer(f"{service}: redirects without end")

    def once(self, service: str, host: tuple[str, str, int], address: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return (status, headers, body) of one call."""
        import httpx2

        llm.quiet()
        headers = {"user-agent": f"intern/{metadata.version('intern')} (research; one call at a time)"}
        how, token = SERVICES[service], self.secrets[service]
        safe = host[0] == "https" or host[1] in LOCAL
        query: dict[str, str] = {}
        if token and safe and host == origin(self.bases[service]):
            if how.header:
                headers[how.header] = how.scheme + token
            else:
                query = {how.parameter: token}
        self.calls += 1
        timeout = httpx2.Timeout(SILENCE, connect=5.0)
        with httpx2.Client(timeout=timeout, verify=context(), follow_redirects=False) as client, ended(client.close):
            try:
                url = httpx2.URL(address)
                url = url.copy_merge_params(query) if query else url
                with client.stream("GET", url, headers=headers) as answer:
                    return answer.status_code, dict(answer.headers), bounded(service, answer.iter_bytes())
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, RuntimeError) as fault:
                raise OSError(type(fault).__name__) from None  # its text may hold the address with a token

    def turn(self, service: str) -> None:
        """Wait until a service may be asked again, whichever process asked last."""
        with files.locked(self.folder / f"{service}.lock"):
            mark = self.folder / f"{service}.asked"
            wait = cache.written(mark) + SERVICES[service].every * self.pace(service) - time.time()
            if 0 < wait <= PATIENCE:
                time.sleep(wait)
            mark.touch()

    def pace(self, service: str) -> float:
        """Return the factor on a service's pauses."""
        own = origin(self.bases[service])[1] in LOCAL
        return self.settings.pace if own else max(self.settings.pace, 1.0)

    def struck(self, body: bytes) -> bytes:
        """Return a body without our tokens, which a server may echo."""
        for token in filter(None, self.secrets.values()):
            body = body.replace(token.encode(), b"[token]")
        return body


def origin(address: str) -> tuple[str, str, int]:
    """Return (scheme, host, port) of an address, as the client reads it."""
    import httpx2

    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError):
        return "", "an address that cannot be read", 0
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


CONTEXT: list[Any] = []  # made once: it reads all certificates


def context() -> Any:
    """Return how certificates are checked."""
    import ssl

    if not CONTEXT:
        CONTEXT.append(ssl.create_default_context())
    return CONTEXT[0]


@contextmanager
def ended(close: Callable[[], None]) -> Iterator[None]:
    """End a call that takes too long, however slowly its bytes drip."""
    timer = Timer(SECONDS, close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def bounded(service: str, parts: Iterator[bytes]) -> bytes:
    """Return the body that comes in parts.

    Raises:
        NoAnswer: if it is too long.
        OSError: if it takes too long.
    """
    end, body = time.monotonic() + SECONDS, bytearray()
    for part in parts:
        body += part
        if len(body) > MOST:
            raise NoAnswer(f"{service}: an answer of more than {MOST // 10**6} MB")
        if time.monotonic() > end:
            raise OSError("an answer that does not end")
    return bytes(body)


def parsed(service: str, body: bytes, read: Callable[[bytes], T]) -> T:
    """Return what is read of a body.

    Raises:
        NoAnswer: if it cannot be.
    """
    try:
        return read(body)
    except (ValueError, RecursionError) as fault:
        raise NoAnswer(f"{service}: an answer that cannot be read ({type(fault).__name__})") from None


def waiting(told: str, otherwise: float) -> float:
    """Return the seconds that a Retry-After asks for, in seconds or as a date; `otherwise` if it says nothing."""
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        return parsedate_to_datetime(told).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return otherwise
