"""Every way in which a container ends: what is said, and that nothing is left of it."""

import asyncio
import io
import os
import platform
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import every_engine

from tasksmithy import Resources, run
from tasksmithy_container import ContainerError, ContainerTask, EngineError

# As the first process of a container, a shell hears the signal to stop only with a trap.
POLITE = "trap 'exit 0' TERM; sleep 100 & wait"


def script_task(image: str, script: str, **fields: Any) -> Any:
    return ContainerTask(name="t", image=image, command=["sh", "-c", script], **fields)


def podman(*arguments: str, **options: Any) -> str:
    return podman_bytes(*arguments, **options).decode().strip()


def podman_bytes(*arguments: str, **options: Any) -> bytes:
    done = subprocess.run(["podman", *arguments], stdout=subprocess.PIPE, check=True, **options)
    return done.stdout


def running(image: str) -> list[str]:
    """The containers of tasks with an image that run."""
    filters = ("--filter=label=tasksmithy.task", f"--filter=ancestor={image}")
    return podman("ps", "--quiet", *filters).split()


async def until_it_runs(image: str) -> None:
    while not await asyncio.to_thread(running, image):
        await asyncio.sleep(0.05)


# By itself


@pytest.mark.parametrize("code", [3, 125, 126, 127])  # podman and docker have the last three, too
def test_an_exit_code_is_an_error_with_everything_that_is_known(
    image: str, engine: str, code: int
) -> None:
    task = script_task(image, f"echo 'Error: no \"luck\"' >&2; exit {code}")
    with pytest.raises(ContainerError) as caught:
        run(task)
    error = caught.value
    assert (error.task, error.image, error.code, error.started) == ("t", image, code, True)
    assert error.stderr == 'Error: no "luck"'
    assert not error.out_of_memory
    assert error.command.startswith("sh -c 'echo")
    for part in (f"exit code {code}", image, "sh -c", 'no "luck"'):
        assert part in str(error)


def test_only_the_last_lines_of_stderr_are_in_the_error(image: str, engine: str) -> None:
    with pytest.raises(ContainerError) as caught:
        run(script_task(image, "seq 1000 >&2; exit 1", local_logs=False))
    assert caught.value.stderr.split() == [str(number) for number in range(981, 1001)]


def test_a_failed_container_is_run_again_as_declared(
    image: str, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ContainerError):
        run(script_task(image, "exit 3", retries=2))
    attempts = [record.message for record in caplog.records if "failed" in record.message]
    assert len(attempts) >= 2


@every_engine
def test_a_command_that_is_not_in_the_image_is_said_to_be(image: str, engine: str) -> None:
    with pytest.raises(ContainerError, match="the container could not be started") as e:
        run(ContainerTask(name="t", image=image, command=["no-such-program"]))
    assert not e.value.started
    assert "no-such-program" in str(e.value)
    # podman's Docker API does not say why.
    assert engine == "docker" or "the command is no program that the image has" in str(e.value)


def test_a_container_that_cannot_be_made_is_not_said_to_lack_its_program(
    image: str, engine: str
) -> None:
    with pytest.raises((EngineError, ContainerError)) as caught:
        run(script_task(image, "true", resources=Resources(memory="1Ki")))
    assert "no program" not in str(caught.value)


# podman's Docker API passes over a request for GPUs, now and then.
@pytest.mark.parametrize("engine", ["podman"], indirect=True)
def test_a_gpu_that_is_not_there_is_said(image: str, engine: str) -> None:
    with pytest.raises(EngineError, match="no GPU, and the task asks for 1"):
        run(script_task(image, "true", resources=Resources(gpu=1)))


@pytest.fixture
def of_another_machine(image: str) -> Iterator[str]:
    """An image whose program this machine does not run."""
    here = platform.machine() in ("x86_64", "AMD64")
    machine, architecture = (183, "arm64") if here else (62, "amd64")
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = b"\x7fELF\2\1\1".ljust(16, b"\0") + header + bytes(56)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("bin/true")
        info.size, info.mode = len(program), 0o755
        tar.addfile(info, io.BytesIO(program))
    reference = image.replace("busybox", architecture)
    podman_bytes(
        "import", "--quiet", f"--arch={architecture}", "-", reference, input=archive.getvalue()
    )
    yield reference
    podman("rmi", reference)


def test_an_image_of_another_machine_is_told_with_what_to_do(
    of_another_machine: str, engine: str
) -> None:
    task = ContainerTask(name="t", image=of_another_machine, command=["/bin/true"])
    with pytest.raises(ContainerError, match=f"image: {of_another_machine}") as caught:
        run(task)
    said = str(caught.value)
    assert re.search(r"is made for \w+, and this machine is \w+.*build or pull it for \w+", said), (
        said
    )


def daemon(host: str) -> subprocess.Popen[bytes]:
    """A Docker API that answers."""
    serving = subprocess.Popen(
        ["podman", "system", "service", "--time=0", host], stderr=subprocess.DEVNULL
    )
    while subprocess.run(["docker", "--host", host, "info"], capture_output=True).returncode:
        assert serving.poll() is None, "podman serves no Docker API"
        time.sleep(0.1)
    return serving


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_a_daemon_that_goes_is_told_with_image_and_what_to_do(
    image: str, engine: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any
) -> None:
    host = f"unix://{tmp_path_factory.mktemp('d')}/s"
    monkeypatch.setenv("DOCKER_HOST", host)
    serving = daemon(host)

    async def main() -> None:
        in_the_middle = asyncio.create_task(script_task(image, POLITE).aio())
        await until_it_runs(image)
        serving.kill()
        serving.wait()
        with pytest.raises(EngineError, match="docker does not know its container") as caught:
            await in_the_middle
        assert repr(image) in str(caught.value)
        assert "Start the daemon" in str(caught.value)
        for policy in ("IfNotPresent", "Never"):
            with pytest.raises(EngineError, match=r"does not answer.*Start its daemon") as caught:
                await script_task(image, "true", image_pull_policy=policy).aio()
            assert repr(image) in str(caught.value)

    try:
        asyncio.run(main())
        serving = daemon(host)
        run(script_task(image, "true"))
        assert running(image) == []
    finally:
        serving.kill()
        serving.wait()


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_a_client_that_loses_sight_of_its_container_decides_nothing(
    image: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    client.write_text(
        f'#!/bin/sh\n{shutil.which("docker")} "$@"; code=$?\n'
        'test "$1" != run || { echo "Error waiting for container" >&2; exit 125; }\nexit $code\n'
    )
    client.chmod(0o755)
    monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", str(client))
    run(script_task(image, "true"))
    with pytest.raises(ContainerError, match="exit code 3"):
        run(script_task(image, "exit 3"))


def test_a_directory_that_cannot_be_mounted_is_the_engines_refusal(image: str, engine: str) -> None:
    task = script_task(image, "true", output_data_dir="/proc/outputs")
    with pytest.raises((EngineError, ContainerError), match="task 't'"):
        run(task)


def test_a_state_folder_that_cannot_be_used_is_said(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", "/proc")
        with pytest.raises(EngineError, match="Set XDG_STATE_HOME"):
            run(script_task(image, "true"))


def test_directories_that_nobody_may_enter_are_removed_too(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    run(
        script_task(
            image, "mkdir -p /var/outputs/d/e; touch /var/outputs/d/f; chmod 0 /var/outputs/d"
        )
    )
    assert left() == set()


@every_engine
def test_the_volumes_of_an_image_are_removed_too(
    image: str, engine: str, left: Callable[[], set[str]]
) -> None:
    with_volume = image.replace("busybox", "volume")
    made = podman("create", image, "true")
    archive = podman_bytes("export", made)
    podman("rm", made)
    podman("import", "--quiet", "--change=VOLUME /data", "-", with_volume, input=archive)
    try:
        run(script_task(with_volume, "touch /data/x"))
        assert left() == set()
    finally:
        podman("rmi", with_volume)


# From outside


class Output(io.StringIO):
    """Standard output, which says when a line is there."""

    async def has(self, line: str) -> None:
        while f"{line}\n" not in self.getvalue():
            await asyncio.sleep(0.02)


@every_engine
def test_a_cancelled_container_is_told_to_stop(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output()
    monkeypatch.setattr(sys, "stdout", output)

    async def main() -> None:
        script = "trap 'echo told; exit 0' TERM; echo ready; sleep 100 & wait"
        run_it = asyncio.create_task(script_task(image, script).aio())
        await output.has("ready")
        run_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_it

    asyncio.run(main())
    assert output.getvalue() == "ready\ntold\n"


def test_a_container_that_does_not_stop_is_killed(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr("tasksmithy_container.engine.STOP_SECONDS", 1)

    async def main() -> float:
        script = "echo ready; exec sleep 600"
        run_it = asyncio.create_task(script_task(image, script).aio())
        await output.has("ready")
        start = time.monotonic()
        run_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_it
        return time.monotonic() - start

    assert 1 <= asyncio.run(main()) < 300


@every_engine
def test_a_timeout_ends_the_container(image: str, engine: str) -> None:
    with pytest.raises(TimeoutError):
        run(script_task(image, POLITE, timeout=2))


@every_engine
def test_an_init_hands_a_signal_on_to_a_command_that_hears_none_as_the_first_process(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch, left: Callable[[], set[str]]
) -> None:
    output = Output()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr("tasksmithy_container.engine.STOP_SECONDS", 3_600)  # nothing is killed

    async def main() -> None:
        run_it = asyncio.create_task(
            script_task(image, "echo ready; exec sleep 3600", init=True).aio()
        )
        await output.has("ready")
        run_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_it

    asyncio.run(main())
    assert left() == set()


@pytest.mark.parametrize(
    "moment",
    [0, 0.15, 0.3, *(pytest.param(n / 100, marks=pytest.mark.slow) for n in (1, 3, 8, 20, 40))],
)
def test_a_cancellation_at_any_moment_leaves_nothing(
    image: str, engine: str, moment: float
) -> None:
    async def main() -> None:
        task = script_task(image, POLITE)
        run_it = asyncio.create_task(task.aio())
        await asyncio.sleep(moment)
        run_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_it
        assert not [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]

    asyncio.run(main())


@pytest.mark.slow
def test_many_cancellations_at_random_moments_leave_nothing(image: str, engine: str) -> None:
    moments = random.Random(4)

    async def one() -> None:
        run_it = asyncio.create_task(script_task(image, POLITE).aio())
        await asyncio.sleep(moments.uniform(0, 1.2))
        run_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run_it

    async def main() -> None:
        await script_task(image, "true").aio()
        for _ in range(15):
            await asyncio.gather(*(one() for _ in range(4)))

    asyncio.run(main())


def test_a_second_cancellation_does_not_cut_the_cleaning_short(image: str, engine: str) -> None:
    async def main() -> None:
        run_it = asyncio.create_task(script_task(image, POLITE).aio())
        await until_it_runs(image)
        for _ in range(5):
            run_it.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await run_it

    asyncio.run(main())


PROGRAM = """
    from tasksmithy import Resources, run
    from tasksmithy_container import ContainerTask

    run(ContainerTask(name="t", image={image!r}, command=["sh", "-c", {script!r}]))
"""


def started_program(image: str) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(image=image, script=POLITE))],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    patience = time.monotonic() + 300
    while not running(image):
        assert program.poll() is None, program.stderr and program.stderr.read()
        assert time.monotonic() < patience, "the container does not start"
        time.sleep(0.05)
    time.sleep(0.3)
    return program


def test_ctrl_c_ends_the_container(image: str, engine: str) -> None:
    program = started_program(image)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal sends it, to all in the foreground
    _, said = program.communicate(timeout=300)
    assert "KeyboardInterrupt" in said


def test_what_a_live_process_has_is_left_alone(image: str, engine: str) -> None:
    program = started_program(image)
    try:
        run(script_task(image, "true"))
        assert running(image)
    finally:
        os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=300)
