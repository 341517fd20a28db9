"""The way of one fetch from address to address: which hops may be followed, and what the way tells. Pure."""

import re
from urllib.parse import urljoin, urlsplit

from monitor.feeds.page import Redirect, lasting_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATING = frozenset({307, 308})
"""Those after which a form is sent again; the others ask for a page."""
_LOGIN_HOST = re.compile(r"(?:login|signin|sso|auth|accounts?|consent|id)\.")
_LOGIN_PATH = re.compile(
    r"/(?:[a-z]{2}/)?(?:[\w.-]*[_.-])?(?:log-?in|sign-?in|logon|sso|auth|oauth2?|authenticate|consent|"
    r"cookiewall|collectconsent)(?:[_./-]|\Z)",
    re.IGNORECASE,
)


def host_of(url: str) -> str:
    """Name the host of a URL for a person; the rest may hold a password or a key."""
    try:
        return urlsplit(url).hostname or "the address"
    except ValueError:
        return "the address"


class Route:
    """The addresses that a fetch has been sent through; ``url`` is the one to ask now."""

    def __init__(self, url: str, most: int) -> None:
        self.url = url
        self._most = most
        self._seen = [url]
        self.hops: list[Redirect] = []

    def follow(self, location: str, status: int) -> str | None:
        """Go to where the server points, or say why not; ValueError if it points to no address at all."""
        before, self.url = self.url, urljoin(self.url, _sendable(location))
        self.hops.append(Redirect(status=status, url=self.url))
        scheme = urlsplit(self.url).scheme
        if scheme not in ("http", "https"):
            return "The server redirects to something that is not a web address."
        if urlsplit(before).scheme == "https" and scheme == "http":
            host = host_of(self.url)
            return f"The server redirects from https to unprotected http at {host}, which is not followed."
        if self.url in self._seen:
            return "The server redirects in a circle."
        if len(self._seen) > self._most:
            return f"The server redirects more than {self._most} times."
        self._seen.append(self.url)
        return None

    @property
    def moved_to(self) -> str | None:
        """Where the feed lives now, if the server has said so for good."""
        lasting = lasting_url(self._seen[0], self.hops)
        return lasting if lasting != self._seen[0] else None

    @property
    def login_host(self) -> str | None:
        """The host where readers are sent to log in or to agree, if the way has led there."""
        return next((host_of(url) for url in self._seen[1:] if _asks_login(url)), None)


def _sendable(location: str) -> str:
    """Return an address with all bytes past ASCII written out: headers may hold what is no text at all."""
    return re.sub(r"[^\x00-\x7f]+", _written_out, location)


def _written_out(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def _asks_login(url: str) -> bool:
    parts = urlsplit(url)
    return bool(_LOGIN_HOST.match(parts.hostname or "") or _LOGIN_PATH.search(parts.path))
