"""Files of lines NAME=value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasksmithy import SettingsError
from tasksmithy.runtime.secrets._dotenv import parse


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=value", "value"),
        ("K = value ", "value"),
        ("  export K=value", "value"),
        ("K=two words", "two words"),
        ("K=a=b", "a=b"),
        ("K=", ""),
        ("K=a#b", "a#b"),
        ("K=#ab", "#ab"),
        ("K=value  # a comment", "value"),
        ("K= # a comment", ""),
        ("K=pa$$word${HOME}", "pa$$word${HOME}"),
        ("K=it's", "it's"),
        ("K=''", ""),
        ("K=' # $HOME \\n \" '", ' # $HOME \\n " '),
        ("K='one\ntwo'", "one\ntwo"),
        ("K='value' # a comment", "value"),
        ('K=" # $HOME\'s "', " # $HOME's "),
        ('K="one\ntwo"', "one\ntwo"),
        (r'K="\n\r\t\"\$\\n"', '\n\r\t"$\\n'),
        (r'K="\d"', r"\d"),
        ("K=füße", "füße"),
    ],
)
def test_a_line_has_a_value(line: str, value: str) -> None:
    assert parse(line, "f") == {"K": value}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_as_they_do_on_any_system(end: str) -> None:
    text = end.join(["", "# a comment", "A=1", "  ", "B='2'", ""])
    assert parse(text, "f") == {"A": "1", "B": "2"}


def test_of_two_with_one_name_the_last_is_the_value() -> None:
    assert parse("A=1\nA=2\n", "f") == {"A": "2"}


def test_a_name_alone_has_no_value() -> None:
    assert parse("A\nexport B\nC=1", "f") == {"C": "1"}


@pytest.mark.parametrize(
    "line", ["s3cr3t: 1", "= s3cr3t", "K='s3cr3t", 'K="s3cr3t', "K='s3cr3t' more", "s3cr3t more"]
)
def test_any_other_line_is_an_error_with_its_number_and_without_its_text(line: str) -> None:
    with pytest.raises(SettingsError, match=r"^/x/\.env, line 3: this is not NAME=value") as caught:
        parse(f"A='1\n2'\n{line}\n", "/x/.env")
    assert "s3cr3t" not in str(caught.value)


@given(st.text())
def test_what_is_quoted_comes_back(value: str) -> None:
    value = value.replace("\r", "")
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'A=1\nK="{quoted}"\nB=2', "f") == {"A": "1", "K": value, "B": "2"}
