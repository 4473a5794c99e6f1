"""Images: pulled where they are missing, and never otherwise."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import every_engine

from tasksmithy import Dir, Image, Secret, run, with_runcontext
from tasksmithy_container import ContainerError, ContainerTask, EngineError


@pytest.fixture
def remote(engine: str, registry: str) -> Iterator[str]:
    """An image that is only in the registry."""
    subprocess.run(["podman", "rmi", "--force", registry], capture_output=True, check=False)
    yield registry
    subprocess.run(["podman", "untag", registry, registry], capture_output=True, check=False)


def is_here(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


@every_engine
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


def test_several_tasks_that_lack_one_image_pull_it_once(
    remote: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    task = ContainerTask(name="t", image=remote, command=["true"], local_logs=False)

    async def several() -> None:
        await asyncio.gather(*(task.aio() for _ in range(3)))

    asyncio.run(several())
    assert len([record for record in caplog.records if "pulling image" in record.message]) == 1


def test_an_image_with_layers_that_nobody_has_built_is_said_to_be_one(
    image: str, engine: str
) -> None:
    described = Image.from_base(image).with_env_vars({"FOO": "bar"})
    with pytest.raises(EngineError, match=r"description with layers.*build it as tasksmithy:"):
        run(ContainerTask(name="t", image=described, command=["true"]))


@pytest.fixture
def made(image: str) -> Iterator[Callable[..., str]]:
    """Makes images of the tests' own with other settings."""
    names: list[str] = []

    def make(name: str, *changes: str) -> str:
        reference = image.replace("busybox", name)
        build = f"FROM {image}\n" + "\n".join(changes)
        subprocess.run(
            ["podman", "build", "--quiet", f"--tag={reference}", "-"],
            input=build.encode(),
            capture_output=True,
            check=True,
        )
        names.append(reference)
        return reference

    yield make
    subprocess.run(["podman", "rmi", "--force", *names], capture_output=True, check=False)


def shell(image: str, script: str, **fields: Any) -> Any:
    return ContainerTask(
        name="t", image=image, command=["sh", "-ec", script], local_logs=False, **fields
    )


def test_the_user_of_an_image_is_kept_and_leaves_outputs_that_are_the_callers(
    made: Callable[..., str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    script = """
        echo "$(id -u):$(id -g) $(pwd)" > /var/outputs/who
        mkdir /var/outputs/d; cat /var/inputs/x /run/s/token > /var/outputs/d/f
        chmod 700 /var/outputs/d
    """
    user_image = made("user", "USER 1000:7", "WORKDIR /tmp")
    task = shell(
        user_image,
        script,
        inputs={"x": str},
        outputs={"who": str, "d": Dir},
        secrets=Secret("token", mount="/run/s"),
    )
    who, folder = run(task, x="in ")
    assert who == "1000:7 /tmp\n"
    assert folder.file("f").read_text() == "in secret"
    assert {path.stat().st_uid for path in (Path(folder), Path(folder, "f"))} == {os.getuid()}
    assert run(task.override(user="0:0", workdir="/bin"), x="")[0] == "0:0 /bin\n"


def test_the_entry_point_of_an_image_is_kept_unless_the_task_says_otherwise(
    made: Callable[..., str], engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with_entry = made("entry", 'ENTRYPOINT ["/bin/echo", "-n"]')
    task = ContainerTask(name="t", image=with_entry, command=["sh", "-c", "exit 3"])
    run(task)
    assert capfd.readouterr().out == "sh -c exit 3\n"
    with pytest.raises(ContainerError) as caught:
        run(task.override(image_entrypoint=[]))
    assert caught.value.code == 3
    run(task.override(image_entrypoint=["echo", "a"], command=["b"]))
    assert capfd.readouterr().out == "a b\n"


def test_an_entry_point_is_told_of_where_a_container_fails(
    made: Callable[..., str], engine: str
) -> None:
    with_entry = made("failing", 'ENTRYPOINT ["/bin/false"]')
    with pytest.raises(ContainerError, match="the image has an entry point, /bin/false"):
        run(ContainerTask(name="t", image=with_entry, command=["true"]))


def test_a_result_is_kept_by_the_image_and_not_by_its_name(
    made: Callable[..., str], image: str, engine: str, tmp_path: Path
) -> None:
    runs = with_runcontext(cache_dir=tmp_path)
    script = "cat /proc/sys/kernel/random/uuid > /var/outputs/o"
    reference = made("moving", "WORKDIR /tmp")
    task = shell(reference, script, outputs={"o": str}, cache="auto")
    first = runs.run(task)
    assert runs.run(task) == first
    made("moving", "WORKDIR /bin")
    assert runs.run(task) != first


def test_an_image_that_does_not_exist_is_named(engine: str, registry: str) -> None:
    image = registry.replace("busybox", "no-such-image")
    with pytest.raises(EngineError, match=f"task 't': image '{image}'"):
        run(ContainerTask(name="t", image=image, command=["true"]))
