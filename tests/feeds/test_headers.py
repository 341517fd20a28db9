import pytest

from monitor.feeds.headers import links

BASE = "https://wire.example/feeds/all"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", {}),
        ('<https://hub.example/>; rel="hub"', {"hub": "https://hub.example/"}),
        ("</hub>; rel=HUB, <all>;type=x;rel=self", {"hub": "https://wire.example/hub", "self": BASE}),
        ('<a>; title="x, y; rel=no"; rel="self hub"', dict.fromkeys(("self", "hub"), f"{BASE[:-3]}a")),
        ("<https://one.example/>; rel=hub, <https://two.example/>; rel=hub", {"hub": "https://one.example/"}),
        ("<javascript:1>; rel=hub", {}),
        ("<https://hub.example/>", {}),
        ("<https://hub.example/; rel=hub", {}),
        ("<a>;" * 50_000, {}),
    ],
)
def test_links(written: str, expected: dict[str, str]) -> None:
    assert links(written, BASE) == expected
