"""Bytes in the charset that they are really in, out as text fit for XML. Pure.

byte-order mark, or "<" as UTF-16 writes it ──► UTF-8, if that is what they are
    ──► what the document declares ──► what the HTTP header says ──► UTF-8, with strays as windows-1252

Declarations are often wrong: servers add a default charset to documents they have not looked at, and
programs write "utf-8" over whatever they copy. Bytes beyond ASCII that happen to be valid UTF-8 are UTF-8.
"""

import codecs
import re
from contextlib import suppress

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']\s*([A-Za-z0-9._:-]{1,40})")
# What browsers read in their place: the same characters, and those that writers use beyond them.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Codecs of Python's own that no document is written in, or that cannot be told from a declaration in ASCII.
_NO_CHARSET = re.compile(r"utf-?_?(?:7|8|16|32).*|idna|punycode|undefined|mbcs|oem|.*escape|.*charmap")
_UNFIT_FOR_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# How Python marks bytes that are not UTF-8, and what windows-1252 takes them for.
_STRAYS = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
# So many characters for every broken byte show that a text is UTF-8, cut off or mixed with another.
_SOUND = 4


def decode(body: bytes, charset: str | None) -> str:
    """Return a document's text, without what XML cannot hold; ``charset`` is the HTTP header's."""
    return _UNFIT_FOR_XML.sub("", _decoded(body, charset)).lstrip("\ufeff \t\r\n")


def _decoded(body: bytes, charset: str | None) -> str:
    for start, codec in (*_MARKS, *_STARTS):
        if body.startswith(start):
            return body.decode(codec, "replace")
    with suppress(UnicodeDecodeError):
        return body.decode()
    if not _nearly_utf8(body):
        declared = _DECLARED.match(body)
        for codec in _codecs(declared[1].decode() if declared else None, charset):
            return body.decode(codec, "replace")
    return body.decode("utf-8", "surrogateescape").translate(_STRAYS)


def _nearly_utf8(body: bytes) -> bool:
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return beyond_ascii - broken >= _SOUND * broken


def _codecs(*labels: str | None) -> list[str]:
    """Return the codecs that labels name, those that are nobody's default first."""
    known = [codec for label in labels if label and (codec := _codec(label))]
    return sorted(known, key=lambda codec: codec == "cp1252")


def _codec(label: str) -> str | None:
    for name in (label, label.lower().removeprefix("x-")):
        try:
            codec = codecs.lookup(name).name
            b" ".decode(codec)
        except (LookupError, ValueError):  # unknown, or no text's
            continue
        return None if _NO_CHARSET.fullmatch(codec) else _SUPERSETS.get(codec, codec)
    return None
