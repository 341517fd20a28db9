"""How many people an item says were harmed or held: the number that makes a report a development. Pure.

English only, and only where number and word stand close to each other: a number that is missed leaves a
follow-up in its thread, a number that is wrong shows one in the channel.
"""

import re

__all__ = ["toll"]

_SMALL = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_LARGE = _TENS | {"dozens": 24, "scores": 40, "hundreds": 200}
_WORDS = {word: number for number, word in enumerate(_SMALL, 1)} | _LARGE
# A feed may write a number that is too long to be one.
_DIGITS = r"\d{1,3}(?:,\d{3}){1,2}|\d{1,7}"
_UNITS = (
    r"%|per ?cent|years?|yrs?|months?|weeks?|days?|hours?|minutes?|seconds?|[ap]m|km|kilomet\w+|miles?|met\w+"
    r"|dollars|euros|pounds|dozen|hundred|thousand|million|billion"
)
# Neither money, nor an age, nor part of a name, a date or another number.
_NUMBER = (
    rf"(?<![\w$€£¥.,:/-])(?<!\bage )(?<!\baged )(?P<number>{_DIGITS}|{'|'.join(_WORDS)})\b"
    rf"(?![.,:/]\d|[\s-]*(?:{_UNITS})(?!\w))"
)
_HARMED = (
    r"(?:killed|dead|deaths?|die[ds]?|fatalities|casualties|injured|wounded|hurt|missing|arrested|detained"
    r"|captured|abducted|kidnapped|trapped|evacuated)"
)
_HARMS = (
    r"(?:kill(?:s|ed|ing)?|injur(?:es?|ed|ing)|wound(?:s|ed|ing)?|arrest(?:s|ed|ing)?|detain(?:s|ed|ing)?"
    r"|captur(?:es?|ed|ing)|abduct(?:s|ed|ing)?|kidnap(?:s|ped|ping)?|claim(?:s|ed|ing)?"
    r"|(?:death )?toll (?:rises|climbs|jumps|reaches|hits|now)(?: to| at)?)"
)
_ABOUT = r"(?:(?:at least|more than|nearly|almost|over|about|around|some|up to|the lives of) )?"
_FOUND = (
    re.compile(rf"{_NUMBER}(?: \w+){{0,3}}? (?:were |are |have been |feared |found )*{_HARMED}\b", re.I),
    re.compile(rf"\b{_HARMS} {_ABOUT}{_NUMBER}", re.I),
)
_MOST = 100_000
"""Larger numbers count something else."""


def toll(text: str) -> int:
    """Return the highest number of people harmed or held that a text names, 0 if it names none."""
    found = (_value(match["number"]) for pattern in _FOUND for match in pattern.finditer(text))
    return max((number for number in found if number <= _MOST), default=0)


def _value(written: str) -> int:
    number = _WORDS.get(written.lower())
    # A year is not a toll.
    value = int(written.replace(",", "")) if number is None else number
    return 0 if 1900 <= value <= 2100 and "," not in written else value
