"""Numbers of people harmed or held, and numbers that are something else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.tolls import toll


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # the number first
        ("12 killed", 12),
        ("At least 12 people killed in blast", 12),
        ("Twelve killed, 40 wounded", 40),
        ("40 wounded, twelve killed", 40),
        ("Hundreds feared dead", 200),
        ("Dozens were injured", 24),
        ("1,999 people are missing", 1999),
        ("700 trapped in mine", 700),
        ("12 of 40 hostages killed", 12),
        ("100000 dead", 100_000),
        ("١٢ killed", 12),
        # the number behind
        ("Blast kills 12.", 12),
        ("Death toll rises to 1,204", 1204),
        ("Toll hits 30", 30),
        ("Floods claim the lives of 45", 45),
        ("Police arrest more than 50 suspects", 50),
        ("Raid: five suspects arrested", 5),
        ("Bombing in 2019 killed 7", 7),
        # nobody
        ("", 0),
        ("Soldiers find a hidden camp", 0),
        ("Nobody was hurt", 0),
        ("Twelve ministers meet", 0),
    ],
)
def test_toll(text: str, number: int) -> None:
    assert toll(text) == number


@pytest.mark.parametrize(
    "text",
    [
        # years and dates
        "2019 killed the radio star",
        "Kills 2019 election hopes",
        "9/11 deaths remembered",
        "Killed at 10:30",
        "Arrested 10 pm",
        # ages
        "12-year-old girl killed in raid",
        "Police kill 45-year-old man",
        "Arrests 18 year old over threats",
        "Two men, one of them 34, were arrested",
        "John Smith, 45, was killed",
        "Man aged 45 killed",
        # spans
        "Girl missing for 30 days",
        "20 years dead",
        "30 months after deaths at sea",
        "Arrests 12 weeks later",
        "Killed 30 miles from town",
        # shares
        "40% killed",
        "40 percent of the injured",
        "Captures 60 per cent of the vote",
        # money
        "$50 million missing",
        "$40 captured",
        "€5,000 detained",
        "Kills 40 million deal",
        # parts of names and of other numbers
        "Covid-19 deaths rise",
        "A320 missing",
        "10.5 killed",
        "Injures 11.5 thousand",
        "100001 killed",
        "12th dead",
        # ends of numbers in words: too low is worse than none
        "Two dozen killed",
        "Three hundred killed",
        "Twenty-five killed",
    ],
)
def test_numbers_of_something_else(text: str) -> None:
    assert toll(text) == 0


NUMBERS = st.integers(0, 10**7).map(str) | st.sampled_from(["twelve", "dozens", "1,204", "²", "١٢", "1,2345"])
WORDS = st.sampled_from(
    ["killed", "kills", "people", "dead", "toll rises to", "at least", "-", ",", "$", "%"]
)


@given(st.text() | st.lists(NUMBERS | WORDS).map(" ".join))
@example("killed " * 200 + "1" * 5000)
def test_any_text_has_a_toll_that_is_no_less_than_nothing(text: str) -> None:
    assert 0 <= toll(text) <= 100_000


@given(st.integers(1, 100_000).filter(lambda number: not 1900 <= number <= 2100))
def test_any_number_of_people_is_found(number: int) -> None:
    for written in (str(number), f"{number:,}"):
        assert toll(f"{written} people were killed") == number
        assert toll(f"Blast kills {written}.") == number
        assert toll(f"Police arrest at least {written} in raids") == number
