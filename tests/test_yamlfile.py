"""What is wrong with a file as YAML, each at its exact place; and what the right ones mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.yamlfile import MAX_BYTES, MAX_NODES, Document, mask_secrets, parse_yaml, quoted, read_yaml


def read(text: str) -> Document:
    return parse_yaml(text, Path("f.yaml"))


def only_problem(document: Document) -> str:
    (problem,) = document.problems
    return str(problem)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("1_000", "1_000"),
        ("0.5", 0.5),
        ("1e2", 100.0),
        (".nan", ".nan"),
        ("2026-11-22", "2026-11-22"),
        ("12:30", "12:30"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("10m", "10m"),
        ("9" * 5000, float("inf")),
        ("[a, 1]", ["a", 1]),
        ("{b: c}", {"b": "c"}),
    ],
)
def test_scalars_mean_what_yaml_1_2_says_and_dates_stay_text(written: str, meant: object) -> None:
    assert read(f"a: {written}\n").content == {"a": meant}


def test_every_key_and_value_has_its_place() -> None:
    document = read('a: 1\nlist:\n  - x\n  - k: "v"\n    empty:\n    last: 2\n')
    assert document.keys[("list", 1, "k")] == (4, 5)
    assert document.values[("list", 1, "k")] == (4, 8)
    assert document.values[("list",)] == (3, 3)
    assert document.values[("list", 1)] == (4, 5)
    assert document.values[("list", 1, "empty")] == (5, 10)
    assert document.problems == ()


def test_a_byte_order_mark_moves_nothing(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1 # xoxb-canary\n")
    document = read_yaml(tmp_path / "f.yaml")
    assert (document.content, document.keys[("a",)]) == ({"a": 1}, (1, 1))
    assert only_problem(document).startswith(f"{tmp_path}/f.yaml:1:8: a Slack token")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", "2:1: tabs cannot indent in YAML; use spaces"),
        ("a:\n  b: 1\n  \tc: 2\n", "3:3: tabs cannot indent in YAML; use spaces"),
        ('a: "x\nb: 2\n', "1:4: this quote is never closed"),
        ('a:\n  - "x\n  - "y"\n', "2:5: this quote is closed only on line 3; is one missing before?"),
        ("a: 'x\n---\nb: 2'\n", "1:4: this quote is not closed before the '---'"),
        ("a: [b, c\nd: e\n", "1:4: this bracket is never closed"),
        ('a: [b "c"]\n', None),
        ('a: ["b" "c"]\n', "1:9: a ',' or the closing bracket is missing before this"),
        ("a:\n  b: 1\n c: 2\n", "3:2: this does not fit the lines above"),
        ("a: b: c\n", "1:5: a ': ' cannot stand here; quote the text"),
        ("a: - b\n", "1:4: a list entry cannot stand here"),
        ("a: ]\n", "1:4: a value is missing before this"),
        ("a: b\nc\n", "2:1: a key needs ': ' and a value after it"),
        ("a: @x\n", "1:4: text that starts with this character must be quoted"),
        ('a: "\\d"\n', "1:6: in double quotes \\ starts a code"),
        ('a: "\\xzz"\n', "1:7: this code in double quotes is not complete"),
        ('a: "\\UFFFFFFFF"\n', "1:1: this is not valid YAML"),
        ("%YAML 1.99\n---\na: 1\n", "1:1: this is not valid YAML"),
        ("a: &x y\n", "1:4: anchors (&) and aliases (*) are not allowed"),
        ("a: *x\n", "1:4: anchors (&) and aliases (*) are not allowed"),
        ("a: !!str x\n", "1:4: tags (!name) are not allowed"),
        ("a: !e!x y\n", "1:4: tags (!name) are not allowed"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here"),
        ("? [a]\n: b\n", "1:3: a key must be plain text"),
        ("a: 1\nb: 2\na: 3\n", "3:1: the key 'a' is already on line 1"),
        ("a: {b: 1, b: 2}\n", "1:11: the key 'b' is already on line 1"),
        ("a: \x07\n", "1:4: the invisible control character U+0007"),
        ('a: "\\0"\n', "1:4: the invisible control character U+0000"),
        ('a: "\\ud800"\n', "1:4: the invisible control character U+D800"),
        ("a: #news\nb: 1\n", '1:4: to YAML an unquoted # starts a comment; quote it: "#news"'),
        ("- x\n- #news\n", '2:3: to YAML an unquoted # starts a comment; quote it: "#news"'),
        ("a: # a remark\n", None),
        ("", "1:1: this is empty"),
        ("# nothing yet\n", "1:1: there are only comments here"),
        ("[" * 50, "1:22: this is nested more than 20 levels deep"),
    ],
)
def test_mistakes_are_told_once_at_their_place(text: str, expected: str | None) -> None:
    document = read(text)
    if expected is None:
        assert document.problems == ()
    else:
        assert only_problem(document).startswith(f"f.yaml:{expected}")


def test_a_key_written_twice_keeps_the_first_and_reads_on() -> None:
    document = read("a: 1\na: {x: 1, x: 2}\nb: 2\n")
    assert document.content == {"a": 1, "b": 2}
    assert [(p.line, p.column) for p in document.problems] == [(2, 1), (2, 11)]
    assert document.values[("a",)] == (1, 4)


def test_a_file_that_is_not_utf_8_names_the_byte(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes("a: 1\nbé: caf".encode() + b"\xe9\n")
    problem = only_problem(read_yaml(tmp_path / "f.yaml"))
    assert problem.startswith(f"{tmp_path}/f.yaml:2:8: this byte (0xe9) is not UTF-8")


@pytest.mark.parametrize("content", [None, b"#" * (MAX_BYTES + 1)])
def test_a_file_that_is_missing_or_too_large_is_a_problem(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "f.yaml"
    if content:
        path.write_bytes(content)
    expected = "larger than 5 MB" if content else "cannot read this file: no such file"
    assert expected in only_problem(read_yaml(path))


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_NODES > 10 * 10_000  # ten thousand feeds must fit
    monkeypatch.setattr("monitor.yamlfile.MAX_NODES", 100)
    assert only_problem(read("- a\n" * 101)) == "f.yaml:100:3: this file holds more than 100 values; split it"


SECRETS = [
    "xoxb-1234567890-canary",
    "xoxp-canary",
    "xoxe.xoxp-1-canary",
    "xoxe-1-canary",
    "xoxz-canary",
    "xapp-1-A0-canary",
    "https://hooks.slack.com/services/T0/B0/canary",
    "https://HOOKS.slack-gov.com/triggers/canary",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n  b: {}\n", "2:6"),
        ('a: "{}"\n', "1:4"),
        ("a: [x, {}]\n", "1:8"),
        ("a: >\n  some {}\n", "1:4"),
    ],
)
def test_a_token_in_a_value_is_refused_where_the_value_starts(secret: str, text: str, place: str) -> None:
    document = read(text.replace("{}", secret))
    assert only_problem(document).startswith(f"f.yaml:{place}: a Slack token or webhook address may not")
    assert "canary" not in repr(document)


def test_a_token_in_a_comment_a_key_or_broken_yaml_is_refused_too() -> None:
    document = read("# old: xoxb-canary\nxoxp-canary: 1\na: [xapp-canary\n")
    assert sorted((p.line, p.column) for p in document.problems if "Slack token" in p.message) == [
        (1, 8),
        (2, 1),
        (3, 5),
    ]
    assert len(document.problems) == 4
    assert "canary" not in repr(document)


@pytest.mark.parametrize(
    "text", ["a: an xoxb- token", "a: https://slack.com/api/", "a: boxer-shorts", "a: xoxb-…"]
)
def test_talk_about_tokens_is_no_token(text: str) -> None:
    assert read(text).problems == ()


def test_quoted_stays_on_one_line_and_short() -> None:
    assert quoted("a\nb") == "'a\\nb'"
    assert quoted("\x1b[2J") == "'\\x1b[2J'"
    assert len(quoted("x" * 5000)) < 70


@given(st.text(alphabet=st.sampled_from("a:- \n\t[]{}\"'#&*!%@|>?,\\xU0FnN~<é\u2028\ufeff\r.")))
def test_any_text_is_a_document(text: str) -> None:
    document = read(text)
    assert document.problems or document.content is not None
    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= p.line <= lines and p.column >= 1 for p in document.problems)


@given(st.sampled_from(SECRETS), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_outlives_masking(secret: str, before: str, after: str) -> None:
    masked = mask_secrets(f"{before} {secret} {after}")
    assert "canary" not in masked
    assert len(masked) == len(f"{before} {secret} {after}")
