import pytest

from monitor.feeds.refusals import turned_away, web_page
from monitor.records import FetchFailed

FORM = '<!doctype html><form><input name="p" type=password></form>'
CHALLENGE = "<html><title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
# Cloudflare adds its scripts to ordinary pages too.
WATCHED = (
    "<html><p>News</p><script>window.__CF$cv$params={};'/cdn-cgi/challenge-platform/scripts/jsd/main.js'"
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (CHALLENGE, "challenge"),
        (FORM, "login"),
        (WATCHED, "html"),
        ("<!DOCTYPE html><p>_cf_chl", "html"),
        ("<html>" + " " * 300_000 + "<input type=password>", "html"),
        ("<html>" + "<input " * 100_000, "html"),
    ],
)
def test_web_pages(text: str, kind: str) -> None:
    page = web_page(text)
    assert page is not None
    assert page.kind == kind


@pytest.mark.parametrize(
    "text", ["", "<rss><title>_cf_chl_opt</title></rss>", '<feed><input type="password">']
)
def test_what_is_no_web_page(text: str) -> None:
    assert web_page(text) is None


@pytest.mark.parametrize(
    ("status", "headers", "text", "kind", "words"),
    [
        (403, {"cf-mitigated": "challenge"}, "", "challenge", "proof of a human reader"),
        (200, {"cf-mitigated": "Challenge"}, "", "challenge", "proof of a human reader"),
        (503, {}, CHALLENGE, "challenge", "HTTP 503"),
        (403, {}, WATCHED, "http", "turns this reader away"),
        (403, {}, FORM, "login", "log in"),
        (404, {}, FORM, "http", "no feed at this address"),
        (410, {}, "", "gone", "gone for good"),
        (407, {}, "", "http", "fetch.proxy"),
    ],
)
def test_refusals(status: int, headers: dict[str, str], text: str, kind: str, words: str) -> None:
    failed = turned_away(status, None, headers, text)
    assert isinstance(failed, FetchFailed)
    assert (failed.kind, failed.status) == (kind, status)
    assert words in failed.message
