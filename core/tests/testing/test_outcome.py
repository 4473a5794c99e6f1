"""How checks end: a new one warns for as long as the release lasts that brings it."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import tasksmithy
from tasksmithy.testing import ConformanceWarning
from tasksmithy.testing._outcome import difference, fail, since


class Checks:
    @since("0.2")
    def test_new(self, fails: bool) -> None:
        if fails:
            fail("it is broken", "repair it")


@pytest.mark.parametrize("release", ["0.2.0", "0.2.7"])
def test_a_new_check_warns_in_the_release_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    monkeypatch.setattr(tasksmithy, "__version__", release)
    with pytest.warns(ConformanceWarning) as caught:
        Checks().test_new(fails=True)
    [warning] = caught
    assert str(warning.message) == (
        "test_new is new and will fail from the next minor release of tasksmithy on: it is broken"
        "\n\nTo do: repair it"
    )


@pytest.mark.parametrize("release", ["0.3.0", "0.10.0", "1.0.0"])
def test_from_the_next_minor_release_on_it_fails(
    monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    monkeypatch.setattr(tasksmithy, "__version__", release)
    with pytest.raises(pytest.fail.Exception, match="it is broken"):
        Checks().test_new(fails=True)


@pytest.mark.parametrize(
    ("filters", "ending"),
    [
        ("", "1 passed, 1 warning"),
        ("error\n default::tasksmithy.testing.ConformanceWarning", "1 passed, 1 warning"),
        ("error", "1 failed"),
    ],
)
def test_under_pytest_a_new_check_is_a_warning_unless_warnings_are_errors(
    tmp_path: Path, filters: str, ending: str
) -> None:
    release = ".".join(tasksmithy.__version__.split(".")[:2])
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nfilterwarnings =\n {filters}\n")
    (tmp_path / "test_it.py").write_text(
        "from tasksmithy.testing._outcome import fail, since\n"
        "class TestIt:\n"
        f"    @since({release!r})\n"
        "    def test_new(self): fail('it is broken', 'repair it')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
    )
    assert ending in done.stdout.splitlines()[-1], done.stdout
    assert "ConformanceWarning: test_new is new and will fail" in done.stdout
    assert "To do: repair it" in done.stdout


def test_a_new_check_that_passes_says_nothing() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Checks().test_new(fails=False)
    assert said == []


def test_what_a_check_has_caught_is_not_told_beside_its_failure() -> None:
    def check() -> None:
        try:
            raise KeyError("inside")
        except KeyError:
            fail("it is broken", "repair it")

    with pytest.raises(pytest.fail.Exception) as caught:
        check()
    assert caught.value.__suppress_context__


def test_a_difference_shows_the_lines_of_each_side() -> None:
    assert difference("a\nb\nc", "a\nx\nc\nd") == "-b\n+x\n+d"
