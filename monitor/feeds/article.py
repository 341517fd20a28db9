"""The page of an article in, its text without what surrounds it out; only this module knows trafilatura.

page ──► decoded ──► trafilatura ──► paragraphs ──► without appeals ──► enough left? ──► text
                                                                             └── too little, or paid for

Runs in the worker process only, and is imported there with the first page: feeds need not wait for it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

import trafilatura

from monitor.records import Article, NoArticle
from monitor.text import clean

_TEXT_LIMIT = 40_000
_FEWEST_WORDS = 60
"""Under it, the feed's own summary says as much."""
_TEASER_WORDS = 150
"""Under it, a page that speaks of subscribing shows its beginning only."""
_APPEAL_WORDS = 45
"""A paragraph longer than this is the article's, even if it begins like an appeal."""

# schema.org's own word for it, which search engines ask publishers to write.
_PAID = re.compile(r'"isAccessibleForFree"\s*:\s*"?false', re.IGNORECASE)
_SUBSCRIBE_TO_READ = re.compile(
    r"(?:subscri\w+|sign in|log in|register|membership) (?:now )?to (?:continue|keep|read|access|unlock)"
    r"|to (?:continue|keep) reading|continue reading (?:with|for)|this (?:article|story|content) is"
    r" (?:for|only|available to|reserved)|already a (?:subscriber|member)|subscribers? only|for subscribers"
    r"|articles? (?:left|remaining) this month",
    re.IGNORECASE,
)
# How a paragraph begins that asks for something, or points elsewhere.
_APPEAL = re.compile(
    r"(?:please )?(?:subscribe|sign (?:up|in)|log in|register|donate|become a (?:member|subscriber|supporter)"
    r"|support (?:our|independent|quality)|join (?:our|us|the conversation)|get (?:our|unlimited|full access)"
    r"|download (?:our|the) app|follow (?:us|our)|like us on|share (?:this|on|via)|click here|tap here"
    r"|read (?:more|next|also|the full)|see also|also read|more (?:on this|from|stories|about this)"
    r"|related (?:articles?|stories|topics|coverage|content)|recommended (?:for you|stories|reading)"
    r"|most read|trending now|sponsored (?:content|links?|post)|story continues|skip (?:to|past)|comments are"
    r"|this (?:video|content) can(?:not|'t|’t)|(?:have|got) a (?:news )?tip|do you have a story"
    r"|contact (?:us|our)|copyright|terms (?:of|and) (?:use|service|conditions)|privacy policy)\b"
    r"|(?:advertisement|related|recommended|trending|share|comments)\W*$"
    r"|(?:related|read|watch|listen|photo|image|credit):|©|follow @",
    re.IGNORECASE,
)
# What gives it away wherever it stands.
_GIVEAWAY = re.compile(
    r"\b(?:(?:we|our|this (?:web)?site|partners) (?:and our partners )?(?:uses?|sets?|store) cookies"
    r"|cookie (?:policy|settings|preferences|notice)|(?:accept|reject|manage|all) cookies"
    r"|newsletters?\b.*\b(?:inbox|sign up|subscribe|delivered)|(?:to|in) your inbox|all rights reserved"
    r"|subscribe (?:today|now|for|from|to (?:our|continue|read|get))|cancel any ?time"
    r"|already a (?:subscriber|member)|(?:your|our)\b.*\b(?:independent|quality) journalism|enable javascript"
    r"|ad ?blocker)\b",
    re.IGNORECASE,
)


def extract(page: bytes, *, charset: str | None) -> Article | NoArticle:
    """Return the article of a page, paragraphs parted by line breaks; ``charset`` is its HTTP header's."""
    html = _decoded(page, charset)
    found = trafilatura.extract(html, favor_precision=True, include_comments=False, include_tables=False)
    if not found:
        return NoArticle(reason="The page holds no article that can be told from what surrounds it.")
    paragraphs = tuple(_paragraphs(found))
    words = sum(len(paragraph.split()) for paragraph in paragraphs)
    asked_to_pay = _PAID.search(html if isinstance(html, str) else "") or _SUBSCRIBE_TO_READ.search(found)
    if words < _TEASER_WORDS and asked_to_pay:
        return NoArticle(reason="The article is for subscribers; the page shows its beginning only.")
    if words < _FEWEST_WORDS:
        return NoArticle(reason=f"The page holds {words} words of text, which is too little for an article.")
    return Article(text="\n".join(paragraphs)[:_TEXT_LIMIT])


def _decoded(page: bytes, charset: str | None) -> str | bytes:
    """Decode what is UTF-8 or declared so in HTTP; other pages declare themselves, and lxml reads that."""
    for encoding in ("utf-8", charset):
        with suppress(UnicodeDecodeError, LookupError):
            if encoding:
                return page.decode(encoding)
    return page


def _paragraphs(text: str) -> Iterator[str]:
    seen = set[str]()
    for line in text.splitlines():
        paragraph = clean(line.lstrip("-•* "))
        # What a page says twice is its furniture: pull quotes, captions, calls to action.
        if paragraph and paragraph not in seen and not _is_appeal(paragraph):
            seen.add(paragraph)
            yield paragraph


def _is_appeal(paragraph: str) -> bool:
    short = len(paragraph.split()) <= _APPEAL_WORDS
    return short and bool(_APPEAL.match(paragraph) or _GIVEAWAY.search(paragraph))
