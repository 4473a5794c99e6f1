"""A secret whose value changes: between the attempts of a call, between runs, beside a cache."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import WAITS, meanwhile

from tasksmithy import Cache, Secret, run, with_runcontext
from tasksmithy_container import ContainerTask

DIGESTS = """
    digest() { printf %s "$(sha256sum | cut -c -64)" > /var/outputs/$1; }
    printf %s "$G_TOK" | digest variable
    cat /run/s/g/tok | digest file
"""


def digests(value: str) -> tuple[str, str]:
    digest = hashlib.sha256(value.encode()).hexdigest()
    return (digest, digest)


def with_both_forms(image: str, script: str, **fields: Any) -> Any:
    secrets = [Secret("tok", group="g"), Secret("tok", group="g", mount="/run/s/g/tok")]
    outputs = {"variable": str, "file": str}
    return ContainerTask(
        name="t",
        image=image,
        command=["sh", "-ec", script],
        secrets=secrets,
        outputs=outputs,
        **fields,
    )


def test_all_attempts_of_a_call_have_one_value_of_a_secret_and_the_next_run_its_own(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("G_TOK", "the value of the first run")
    twice = with_both_forms(image, f"{WAITS} {DIGESTS} test -e /var/outputs/last", retries=1)
    with meanwhile(
        lambda _: monkeypatch.setenv("G_TOK", "the value of the second run"),
        lambda outputs: (outputs / "last").touch(),
    ):
        assert run(twice) == digests("the value of the first run")
    assert run(with_both_forms(image, DIGESTS)) == digests("the value of the second run")


def test_a_kept_result_does_not_depend_on_the_value_of_a_secret_but_by_a_salt(
    image: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = with_runcontext(cache_dir=tmp_path)
    first, second = (digests(f"the value number {number}") for number in "12")
    monkeypatch.setenv("G_TOK", "the value number 1")
    kept = with_both_forms(image, DIGESTS, cache=Cache())
    assert runs.run(kept) == first
    monkeypatch.setenv("G_TOK", "the value number 2")
    assert runs.run(kept) == first
    assert runs.run(kept.override(cache=Cache(salt="2"))) == second
