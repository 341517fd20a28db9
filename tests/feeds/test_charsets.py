import codecs

import pytest

from monitor.feeds.charsets import decode

RUSSIAN = "Задержаны боевики"


def declared(charset: str, title: str = RUSSIAN) -> str:
    return f'<?xml version="1.0" encoding="{charset}"?><rss><title>{title}</title></rss>'


@pytest.mark.parametrize(
    ("written_in", "declares", "header"),
    [
        ("utf-8", "utf-8", None),
        ("utf-8", "windows-1251", "iso-8859-1"),
        ("utf-8-sig", "iso-8859-1", "koi8-r"),
        ("windows-1251", "windows-1251", None),
        ("windows-1251", "windows-1251", "utf-8"),
        ("windows-1251", "windows-1251", "iso-8859-1"),
        ("windows-1251", "utf-8", "windows-1251"),
        ("windows-1251", "iso-8859-1", "windows-1251"),
        ("windows-1251", "x-cp1251", None),
        ("koi8-r", "KOI8-R", None),
        ("koi8-r", "no-such-charset", "koi8-r"),
        ("utf-16", "utf-16", None),
        ("utf-16-le", "utf-16", "utf-8"),
        ("utf-16-be", "utf-8", None),
        ("utf-32", "utf-32", None),
        ("utf-32-be", "utf-32", "windows-1251"),
    ],
)
def test_text_is_read_whatever_is_said_of_it(written_in: str, declares: str, header: str | None) -> None:
    text = declared(declares)
    assert decode(text.encode(written_in), header) == text


@pytest.mark.parametrize(
    ("declares", "written_in", "title"),
    [
        ("iso-8859-1", "cp1252", "“Größe” – 5 €"),
        ("us-ascii", "cp1252", "“Größe”"),
        ("gb2312", "gb18030", "朱镕基"),
        ("shift_jis", "cp932", "①テロ"),
        ("euc-kr", "cp949", "똠방각하"),
        ("ebcdic-cp-us", "cp037", "Cell found"),
    ],
)
def test_a_charset_stands_for_the_larger_one_that_writers_use(
    declares: str, written_in: str, title: str
) -> None:
    text = declared(declares, title)
    assert decode(text.encode(written_in), None) == text


def test_a_few_strays_do_not_make_another_charset_of_utf8() -> None:
    body = declared("utf-8").encode() + b"\x93ISIS\x94" + "»".encode()[:1]
    assert decode(body, "windows-1251") == declared("utf-8") + "“ISIS”Â"


@pytest.mark.parametrize("charset", ["idna", "unicode_escape", "utf-7", "base64", "hex", "\0", "x" * 99, ""])
def test_what_is_no_charset_is_not_believed(charset: str) -> None:
    assert decode(b"\\x41 \xe9", charset) == "\\x41 é"


def test_a_replacement_character_is_no_sign_of_damage() -> None:
    assert decode("<a>\ufffd</a>".encode(), "iso-8859-1") == "<a>\ufffd</a>"


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert decode(b"\0\r\n <a>\0b\x08\xef\xbf\xbe\tc</a>", None) == "<a>b\tc</a>"
    assert decode(codecs.BOM_UTF16_LE + b"<\0\0\xd8", None) == "<\ufffd"
