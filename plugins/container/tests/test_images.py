"""Images: pulled where they are missing, and never otherwise."""

import subprocess
from collections.abc import Iterator

import pytest

from tasksmithy import run
from tasksmithy_container import ContainerTask, EngineError


@pytest.fixture
def remote(engine: str, registry: str) -> Iterator[str]:
    """An image that is only in the registry."""
    subprocess.run(["podman", "rmi", "--force", registry], capture_output=True, check=False)
    yield registry
    subprocess.run(["podman", "untag", registry, registry], capture_output=True, check=False)


def is_here(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def test_a_missing_image_is_pulled_and_the_progress_shown(
    remote: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not is_here(remote)
    run(ContainerTask(name="t", image=remote, command=["echo", "it ran"]))
    out, err = capfd.readouterr()
    assert is_here(remote)
    assert out == "it ran\n"
    assert err


def test_an_image_that_is_here_is_not_pulled(image: str, engine: str) -> None:
    task = ContainerTask(name="t", image=image, command=["true"])
    assert run(task) is None  # no registry has it


def test_an_image_is_always_pulled_where_the_task_says_so(image: str, engine: str) -> None:
    task = ContainerTask(name="t", image=image, command=["true"], image_pull_policy="Always")
    with pytest.raises(EngineError, match="cannot be pulled"):
        run(task)


def test_an_image_is_never_pulled_where_the_task_says_so(remote: str) -> None:
    task = ContainerTask(name="t", image=remote, command=["true"], image_pull_policy="Never")
    with pytest.raises(EngineError, match="image_pull_policy='Never'"):
        run(task)
    assert not is_here(remote)


def test_an_image_that_does_not_exist_is_named(engine: str, registry: str) -> None:
    image = registry.replace("busybox", "no-such-image")
    with pytest.raises(EngineError, match=f"task 't': image '{image}'"):
        run(ContainerTask(name="t", image=image, command=["true"]))
