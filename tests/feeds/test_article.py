import pytest
from articles import LAYOUTS, ORDINARY, page, text_of

from monitor.feeds.article import extract
from monitor.records import Article, NoArticle

LONG = " ".join(["The ferries to the outer islands run twice an hour."] * 3)
BOILERPLATE = (
    "We use cookies to make this site better.",
    "Sign up for our newsletter.",
    "Read more: Harbour opens again",
    "Get the week's best stories delivered to your inbox.",
    "Subscribe now for full access.",
    "Your support makes our independent journalism possible.",
    "Advertisement",
    "© 2026 The Daily Estuary",
    "Already a member? Sign in.",
)
NEWS = (
    "Advertising revenue fell at both papers, the publisher said.",
    "Terms of the deal were not disclosed by the two companies.",
    "Related violence in the south has killed four people.",
    "Registered voters may hand in their ballots until Sunday.",
    "Hackers stole session cookies from browsers of ministry staff.",
    "Independent journalism is under threat in the country, a report says.",
    "Sponsored by Iran, the militias hold two border posts.",
)


def read(html: str, charset: str | None = None) -> Article | NoArticle:
    return extract(html.encode(), charset=charset)


def wrapped(*paragraphs: str) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<html><head><title>T</title></head><body><article>{body}</article></body></html>"


def numbered(count: int) -> list[str]:
    return [f"Ferry number {n} left the harbour at {n} in the morning. {LONG}" for n in range(count)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["will-of-victory", *ORDINARY])
def test_an_article_comes_out_whole_and_alone(name: str, layout: str) -> None:
    article = extract(page(name, layout), charset="utf-8")
    assert isinstance(article, Article)
    paragraphs = [paragraph for paragraph in article.text.split("\n") if paragraph != "From the region"]
    assert paragraphs == text_of(name).strip().split("\n\n")


@pytest.mark.parametrize("appeal", BOILERPLATE)
def test_appeals_inside_the_text_are_left_out(appeal: str) -> None:
    first, *rest = numbered(5)
    article = read(wrapped(first, appeal, *rest))
    assert article == read(wrapped(first, *rest))
    assert isinstance(article, Article)


@pytest.mark.parametrize("news", NEWS)
def test_news_that_sounds_like_an_appeal_stays(news: str) -> None:
    first, *rest = numbered(5)
    article = read(wrapped(first, news, *rest))
    assert isinstance(article, Article)
    assert news in article.text.split("\n")


def test_the_beginning_of_a_paid_article_is_no_article() -> None:
    teaser = extract(page("will-of-victory", "teaser"), charset=None)
    assert isinstance(teaser, NoArticle)
    assert "subscribers" in teaser.reason


@pytest.mark.parametrize(
    "mark",
    [
        '<script type="application/ld+json">{"isAccessibleForFree":"False"}</script>',
        "<p>To continue reading, log in.</p>",
        "<p>You have two free articles left this month.</p>",
    ],
)
def test_marks_of_a_paywall_count_on_short_pages_only(mark: str) -> None:
    short, long = numbered(3), numbered(9)
    assert isinstance(read(wrapped(*short)), Article)
    assert isinstance(read(wrapped(*short) + mark if "script" in mark else wrapped(*short, mark)), NoArticle)
    assert isinstance(read(wrapped(*long) + mark if "script" in mark else wrapped(*long, mark)), Article)


@pytest.mark.parametrize("body", [b"", b"%PDF-1.7 \x00\xff", b"<html></html>", b"plain", b"\x00" * 1000])
def test_what_is_no_article_says_so(body: bytes) -> None:
    assert isinstance(extract(body, charset=None), NoArticle)


def test_a_page_of_few_words_is_no_article() -> None:
    few = read(wrapped("The bridge is open again.", "Cars may pass from Monday."))
    assert isinstance(few, NoArticle)
    assert "too little" in few.reason


@pytest.mark.parametrize(
    ("charset", "declared"), [("windows-1251", None), ("windows-1251", "windows-1251"), ("utf-8", "latin-1")]
)
def test_charsets_of_header_page_and_bytes(charset: str, declared: str | None) -> None:
    sentence = "Полиция задержала подозреваемых в ходе операции в порту города. "
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    html = f"<html><head>{head}<title>T</title></head><body><article><p>{sentence * 20}</p></article></body>"
    article = extract(html.encode(charset), charset=declared)
    assert isinstance(article, Article)
    assert article.text.startswith(sentence.strip())


def test_what_a_page_says_twice_counts_once() -> None:
    paragraphs = numbered(5)
    article = read(wrapped(*paragraphs, paragraphs[2]))
    assert isinstance(article, Article)
    assert article.text.split("\n") == paragraphs
