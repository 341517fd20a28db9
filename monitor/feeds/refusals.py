"""Answers that are no feed: what came instead, and what a person can do about it. Pure.

a status ──► gone · http            a web page ──► challenge · login · html
"""

import re
from collections.abc import Mapping

from monitor.feeds.headers import retry_after
from monitor.records import FailureKind, FetchFailed
from monitor.text import clean

_REMEDIES = {
    401: "it wants a login",
    402: "it wants to be paid",
    403: "it turns this reader away, or wants a login",
    404: "there is no feed at this address; look for its new one",
    407: "the proxy wants a login; see fetch.proxy",
    410: "the feed is gone for good; look for another or remove it",
    429: "it was asked too often; poll less often",
}
_PAGES: dict[FailureKind, str] = {
    "challenge": "asks for proof of a human reader, so this address cannot be watched; look for another feed "
    "of the site, or ask it to let this reader in",
    "login": "answers with a page to log in or to agree to something, not a feed; look for a public address "
    "of the feed",
    "html": "answers with a web page, not a feed; the page may name its feed, or the site may be turning "
    "automated readers away",
}
_HTML = re.compile(
    r"(?:<\?xml[^>]*>|<!--.*?-->|\s)*(?:<!doctype\s+html|<html|<head|<body)", re.IGNORECASE | re.DOTALL
)
# A page without a challenge may carry Cloudflare's scripts too, so these are what only challenges hold.
_CHALLENGE = re.compile(
    r"_cf_chl_opt|cf-browser-verification|/orchestrate/(?:chl_page|jsch|captcha|managed)"
    r"|<title>\s*Just a moment\.\.\.|_Incapsula_Resource|captcha-delivery\.com|px-captcha",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"<input\b[^<>]{0,500}?\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
# Pages this long are articles; what identifies the others stands well before.
_LOOKED_AT = 256 * 1024


def web_page(text: str) -> FetchFailed | None:
    """Say what a web page is that came in a feed's place, or None if the text is none."""
    if not _HTML.match(text):
        return None
    beginning = text[:_LOOKED_AT]
    if _CHALLENGE.search(beginning):
        return _page("challenge")
    return _page("login" if _PASSWORD.search(beginning) else "html")


def turned_away(status: int, reason: str | None, headers: Mapping[str, str], text: str) -> FetchFailed:
    """Say what an answer other than success means; ``text`` is how its body begins."""
    if challenged(headers):
        return _page("challenge", status)
    page = web_page(text)
    if page and (page.kind == "challenge" or (page.kind == "login" and status in (401, 403))):
        return _page(page.kind, status)
    if status >= 500:
        remedy = "the trouble is the server's own, and may pass"
    else:
        remedy = _REMEDIES.get(status, "it does not give out the feed")
    return FetchFailed(
        kind="gone" if status == 410 else "http",
        message=f"The server answers HTTP {status} {clean(reason or '', 100)}".rstrip() + f": {remedy}.",
        status=status,
        retry_after=retry_after(headers),
    )


def challenged(headers: Mapping[str, str]) -> bool:
    """Say whether headers announce a challenge, which may come with any status."""
    return headers.get("cf-mitigated", "").strip().lower() == "challenge"


def sent_to_login(failed: FetchFailed, host: str) -> FetchFailed:
    """Say of a failed fetch that it ended where ``host`` has readers log in or agree."""
    return FetchFailed(
        kind="login",
        message=f"The server sends readers to log in or to agree to something at {host}, so there is no feed "
        "without that; look for a public address of the feed.",
        status=failed.status,
    )


def _page(kind: FailureKind, status: int | None = None) -> FetchFailed:
    answer = f" (HTTP {status})" if status else ""
    return FetchFailed(kind=kind, message=f"The site {_PAGES[kind]}{answer}.", status=status)
