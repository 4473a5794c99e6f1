"""Quantities, against exact arithmetic on what Kubernetes documents."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasksmithy.fields._quantity import NANOS, Quantity

LARGEST = 2**63 - 1

SUFFIXES = {
    "": Fraction(1),
    **{suffix: Fraction(1, 1000**power) for power, suffix in enumerate("mun", 1)},
    **{suffix: Fraction(1000**power) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Fraction(1024**power) for power, suffix in enumerate("KMGTPE", 1)},
}
exponents = st.integers(-12, 12).flatmap(
    lambda power: st.sampled_from([f"e{power}", f"E{power}", f"e{power:+}"])
)
numbers = st.one_of(
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=4, allow_nan=False).map(lambda number: f"{number:f}"),
    st.integers(0, 999).map(lambda digits: f".{digits:03}"),
    st.integers(0, 999).map(lambda digits: f"{digits}."),
)
texts = st.builds("{}{}{}".format, st.sampled_from(["", "+", "-"]), numbers, st.one_of(
    st.sampled_from(sorted(SUFFIXES)), exponents
))  # fmt: skip


def exact(text: str) -> Fraction:
    """What `text` says, by rational arithmetic."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if suffix and text.endswith(suffix):
            return Fraction(text.removesuffix(suffix).removesuffix(".") or 0) * SUFFIXES[suffix]
    number, _, exponent = text.replace("E", "e").partition("e")
    return Fraction(number.removesuffix(".")) * Fraction(10) ** int(exponent or 0)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("1", NANOS),
        ("500m", NANOS // 2),
        (".5", NANOS // 2),
        ("5.", 5 * NANOS),
        ("1k", 1000 * NANOS),
        ("1Ki", 1024 * NANOS),
        ("1.5Gi", 3 * 2**29 * NANOS),
        ("1E", 10**18 * NANOS),
        ("1E3", 1000 * NANOS),
        ("1e-3", NANOS // 1000),
        ("12n", 12),
        ("3u", 3000),
        ("-2", -2 * NANOS),
        ("+2", 2 * NANOS),
        (str(LARGEST), LARGEST * NANOS),
        ("1".zfill(64), NANOS),
    ],
)
def test_a_text_says_an_exact_amount(text: str, nanos: int) -> None:
    assert Quantity.parse(text).nanos == nanos


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "lots", "1 Gi", "1gi", "1KI", "1K", "1mi", "Gi", ".", "-", "+-1", "--1", "1,5"],
        *["1.2.3", "0x10", "1e", "1e+", "1e1.5", "1e100", "1GiB", "1Gi\n", "1_000", "inf", "nan"],
        *["٣", "1²", "1" * 65, "1Ei1", "1mm", "1e3Gi"],
    ],
)
def test_what_is_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        Quantity.parse(text)


@pytest.mark.parametrize("text", [str(LARGEST + 1), "8Ei", "1e99", "-8Ei"])
def test_what_is_beyond_the_largest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"beyond 2\*\*63-1"):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0Gi", "0"),
        ("1.5", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1024", "1024"),
        ("1000", "1k"),
        ("1e3", "1k"),
        ("0.5Ki", "512"),
        ("0.0001Ki", "102400u"),
        ("1000Ki", "1000Ki"),
        ("12345678", "12345678"),
        ("-2048Ki", "-2Mi"),
        ("9e18", "9E"),
        ("7Ei", "7Ei"),
    ],
)
def test_the_canonical_text_has_the_largest_suffix_and_no_fraction(
    text: str, canonical: str
) -> None:
    assert str(Quantity.parse(text)) == canonical


@given(texts)
def test_a_parsed_amount_is_the_exact_one_rounded_away_from_zero_to_nanos(text: str) -> None:
    value = exact(text) * NANOS
    assume(abs(value) <= LARGEST * NANOS)
    expected = -(-abs(value) // 1)
    assert Quantity.parse(text).nanos == (-expected if value < 0 else expected)


@given(texts, texts)
def test_the_order_is_that_of_exact_arithmetic(left: str, right: str) -> None:
    assume(max(abs(exact(left)), abs(exact(right))) <= LARGEST)
    if exact(left) <= exact(right):
        assert Quantity.parse(left) <= Quantity.parse(right)
    else:
        assert Quantity.parse(left) >= Quantity.parse(right)


@given(texts)
def test_the_canonical_text_says_the_same_and_is_its_own_canonical_text(text: str) -> None:
    assume(abs(exact(text)) <= LARGEST)
    quantity = Quantity.parse(text)
    again = Quantity.parse(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)


@given(st.integers(1, LARGEST * NANOS), st.integers(1, NANOS))
def test_rounding_up_gives_the_next_multiple(nanos: int, step: int) -> None:
    rounded = Quantity(nanos).rounded_up(step).nanos
    assert rounded % step == 0
    assert 0 <= rounded - nanos < step


def test_equal_amounts_are_equal_however_they_were_written() -> None:
    assert Quantity.parse("1Ki") == Quantity.parse("1024")
    assert hash(Quantity.parse("1Ki")) == hash(Quantity.parse("1024"))


@pytest.mark.parametrize(("text", "number"), [("1Ki", 1024.0), ("250m", 0.25), ("-2", -2.0)])
def test_an_amount_is_a_float_in_whole_units(text: str, number: float) -> None:
    assert float(Quantity.parse(text)) == number
