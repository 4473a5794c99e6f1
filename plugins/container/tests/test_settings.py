"""What a task declares reaches its container, and what the container says is shown."""

import asyncio
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import every_engine

from tasksmithy import GPU, TPU, InputError, Resources, Secret, run
from tasksmithy.task._context import RunContext, entered
from tasksmithy_container import ContainerError, ContainerTask
from tasksmithy_container.engine import Engine
from tasksmithy_container.invocation import disk_arguments, resource_arguments

OUTPUT = {"o": str}


def task(image: str, script: str, **fields: Any) -> Any:
    return ContainerTask(name="t", image=image, command=["sh", "-ec", script], **fields)


async def with_secrets(container: Any, secrets: dict[Secret, str]) -> Any:
    """Run a task as a run does that has resolved these secrets."""
    with entered(RunContext(task=container.name, secrets=secrets)):
        return await container.execute()


def test_environment_variables_arrive_byte_for_byte(image: str, engine: str) -> None:
    value = " a 'b' \"c\"\n$HOME é=\\"
    variables = {"PATH": "/bin:/x", "A": value, "lower": "1"}
    script = "printf '%s|%s' \"$PATH\" \"$A\" > /var/outputs/o; env | grep -q '^lower=1$'"
    assert run(task(image, script, env_vars=variables, outputs=OUTPUT)) == f"/bin:/x|{value}"


@every_engine
def test_secrets_are_in_the_environment_and_in_memory_files(image: str, engine: str) -> None:
    secrets = {
        Secret("token"): " s3cret \"a'#$x ",
        Secret("key", mount="/etc/keys"): "in a file\n",
        Secret("both", "g", mount="/etc/both/both", as_env_var="BOTH"): "both",
    }
    script = """
        printf '%s|' "$TOKEN" > /var/outputs/o
        cat /etc/keys/key /etc/both/both >> /var/outputs/o
        printf '|%s|' "$BOTH" >> /var/outputs/o
        grep -c ' /etc/[^ ]* tmpfs ro' /proc/mounts >> /var/outputs/o
        if echo x 2>/dev/null > /etc/keys/key; then exit 1; fi
    """
    container = task(image, script, secrets=list(secrets), outputs=OUTPUT)
    result = asyncio.run(with_secrets(container, secrets))
    assert result == " s3cret \"a'#$x |in a file\nboth|both|2\n"


def test_a_run_hands_out_secrets(image: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "from the environment")
    container = task(image, "cat /etc/keys/token > /var/outputs/o", outputs=OUTPUT)
    secret = Secret("token", mount="/etc/keys")
    assert run(container.override(secrets=[secret])) == "from the environment"


def test_no_command_line_shows_a_secret(image: str, engine: str) -> None:
    value = "v3ry-s3cret-value"
    secrets = {Secret("a"): value, Secret("b", mount="/etc/b"): value}

    async def main() -> list[bytes]:
        container = task(image, "sleep 1", secrets=list(secrets))
        running = asyncio.create_task(with_secrets(container, secrets))
        lines: list[bytes] = []
        while not running.done():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    lines.append(file.read_bytes())
                except OSError:
                    continue
            await asyncio.sleep(0.02)
        await running
        return lines

    lines = asyncio.run(main())
    assert any(b"--env-file=" in line for line in lines)
    assert not any(value.encode() in line for line in lines)


@pytest.mark.parametrize("name", ["PATH_", "TMPDIR", "DOCKER_HOST", "CONTAINER_HOST", "HTTP_PROXY"])
def test_a_secret_in_a_variable_is_no_setting_of_the_engine(
    image: str, engine: str, name: str
) -> None:
    secret = Secret("s", as_env_var=name)
    container = task(image, f'printf %s "${name}" > /var/outputs/o', secrets=secret, outputs=OUTPUT)
    assert asyncio.run(with_secrets(container, {secret: "nothing:1"})) == "nothing:1"


def test_a_secret_comes_before_a_variable_of_its_name(image: str, engine: str) -> None:
    secret = Secret("token")
    container = task(
        image,
        'printf %s "$TOKEN" > /var/outputs/o',
        secrets=secret,
        env_vars={"TOKEN": "open"},
        outputs=OUTPUT,
    )
    assert asyncio.run(with_secrets(container, {secret: "s3cret"})) == "s3cret"


@pytest.mark.parametrize("value", ["two\nlines", "ends\r", "n\0l", "x" * 70_000, "\udcff"])
def test_a_secret_that_no_variable_can_take_is_to_be_mounted(
    image: str, engine: str, value: str
) -> None:
    secret = Secret("token")
    with pytest.raises(InputError, match=r"secret 'token' .* mount it as a file"):
        asyncio.run(with_secrets(task(image, "true", secrets=secret), {secret: value}))


def test_a_proxy_of_this_machine_is_not_the_containers(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:password@proxy:1")
    container = task(image, 'echo "${HTTP_PROXY-}${http_proxy-}" > /var/outputs/o', outputs=OUTPUT)
    assert run(container) == "\n"


def test_a_secret_without_a_value_is_named(image: str, engine: str) -> None:
    with pytest.raises(InputError, match="secret 'token' has no value here"):
        asyncio.run(with_secrets(task(image, "true", secrets="token"), {}))


@every_engine
def test_memory_and_cores_are_limited(image: str, engine: str) -> None:
    script = """
        cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null \
            > /var/outputs/memory || true
        cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null \
            > /var/outputs/cpu || true
        df -m /dev/shm | tail -n 1 | awk '{print $2}' > /var/outputs/shm
    """
    resources = Resources(cpu=("250m", "500m"), memory=("32Mi", "64Mi"), shm="16Mi")
    outputs = {"memory": int, "cpu": str, "shm": int}
    memory, cpu, shm = run(task(image, script, resources=resources, outputs=outputs))
    assert memory == 64 * 2**20
    assert cpu.split()[0] == "50000"
    assert shm == 16


def test_a_container_cannot_use_more_memory_than_declared(
    image: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # tail keeps what it reads of a line without an end.
    script = "head -c 100000000 /dev/zero | tail > /dev/null"
    run(task(image, script))
    with pytest.raises(ContainerError) as caught:
        run(task(image, script, resources=Resources(memory="32Mi")))
    if engine == "podman":  # whose Docker API has no record of it
        assert caught.value.out_of_memory
        assert "was out of memory" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "resources", "arguments"),
    [
        ("docker", Resources(memory="1Gi"), ["--memory=1073741824b", "--memory-swap=1073741824b"]),
        ("docker", Resources(cpu=0.5), ["--cpus=0.5"]),
        ("docker", Resources(cpu=(0.5, 10000)), ["--cpu-shares=512"]),
        ("docker", Resources(gpu="A100:2"), ["--gpus=2"]),
        ("podman", Resources(gpu=2), ["--device=nvidia.com/gpu=0", "--device=nvidia.com/gpu=1"]),
        ("podman", Resources(gpu=TPU("V5P", "2x2x1")), []),
        ("docker", Resources(gpu=GPU("A100", 1, "1g.5gb")), []),
        ("docker", Resources(shm="1Mi"), ["--shm-size=1048576b"]),
    ],
)
def test_resources_are_flags_of_the_engine(
    kind: Any, resources: Resources, arguments: list[str]
) -> None:
    assert list(resource_arguments(Engine(kind, kind), resources)) == arguments


def test_a_device_that_no_engine_can_hand_over_is_said_once(
    image: str, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    container = ContainerTask(
        name=f"gpu-{engine}",
        image=image,
        command=["true"],
        resources=Resources(gpu=TPU("V5P", "2x2x1")),
    )
    run(container)
    run(container)
    said = [record.message for record in caplog.records if "resources.gpu" in record.message]
    assert len(said) == 1


def test_the_disk_is_limited_or_it_is_said_that_it_cannot_be(
    image: str, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert disk_arguments(Resources(disk="1Gi")) == ["--storage-opt=size=1073741824"]
    container = ContainerTask(
        name=f"disk-{engine}",
        image=image,
        command=["sh", "-c", "head -c 20000000 /dev/zero > /x"],
        resources=Resources(disk="10M"),
    )
    failure = None
    try:
        run(container)
    except ContainerError as error:
        failure = error
    if failure is None:
        assert any("resources.disk" in record.message for record in caplog.records)
    else:
        assert "No space left" in failure.stderr


def test_a_container_is_labelled_with_its_run_and_its_task(image: str, engine: str) -> None:
    async def main() -> dict[str, str]:
        running = asyncio.create_task(with_context())
        listing = ""
        while not listing:
            listing = await asyncio.to_thread(
                subprocess.check_output,
                ["podman", "ps", f"--filter=ancestor={image}", "--format=json"],
                text=True,
            )
            listing = "" if listing.strip() in ("[]", "") else listing
        await running
        labels: dict[str, str] = json.loads(listing)[0]["Labels"]
        return labels

    async def with_context() -> None:
        with entered(RunContext(task="t", attempt=2)):
            await task(image, "sleep 1").execute()

    labels = asyncio.run(main())
    assert labels["tasksmithy.task"] == "t"
    assert labels["tasksmithy.attempt"] == "2"
    assert "tasksmithy.run" in labels


# Logs


@every_engine
def test_logs_are_printed_line_by_line_as_they_come(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Output(io.StringIO):
        """Has the container go on once its first line is there."""

        def write(self, text: str) -> int:
            if text == "one\n":
                own = ("--quiet", "--filter=label=tasksmithy.task", f"--filter=ancestor={image}")
                [container] = subprocess.check_output(["podman", "ps", *own], text=True).split()
                # It fails where the container has gone on, and has ended, before it is asked.
                subprocess.run(["podman", "exec", container, "touch", "/seen"], check=False)
            return super().write(text)

    output = Output()
    monkeypatch.setattr(sys, "stdout", output)
    script = "echo one; until [ -e /seen ]; do sleep 0.05; done; printf 'two\\nthree'"
    run(task(image, script, timeout=300))
    assert output.getvalue() == "one\ntwo\nthree\n"


def test_stdout_and_stderr_are_told_apart(
    image: str, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run(task(image, "echo out; echo err >&2"))
    assert capfd.readouterr() == ("out\n", "err\n")


def test_logs_are_not_printed_where_the_task_says_so(
    image: str, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run(task(image, "echo out; echo err >&2", local_logs=False))
    assert capfd.readouterr() == ("", "")


def test_a_secret_in_the_logs_is_masked(
    image: str, engine: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")
    run(task(image, 'echo "with $TOKEN"; echo "err $TOKEN" >&2', secrets=Secret("token")))
    assert capfd.readouterr() == ("with ***\n", "err ***\n")


def test_a_secret_in_a_line_of_any_length_is_masked(
    image: str, engine: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame")
    script = """
        for length in 65530 131065 196600; do
            head -c $length /dev/zero | tr '\\0' x; printf %s "$TOKEN"
        done
    """
    run(task(image, script, secrets=Secret("token")))
    shown = capfd.readouterr().out.replace("\n", "")
    assert shown.count("***") == 3
    assert shown.strip("x*") == ""


def test_logs_are_in_the_report_of_the_run(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    monkeypatch.setattr("tasksmithy.report.log", found.append)
    run(task(image, "echo out; echo err >&2", local_logs=False))
    assert sorted("\n".join(found).split()) == ["err", "out"]


def test_lines_of_several_tasks_at_once_say_whose_they_are(
    image: str, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    script = ["sh", "-c", "sleep 1; echo one; sleep 1"]

    async def both() -> None:
        tasks = (ContainerTask(name=name, image=image, command=script) for name in "ab")
        await asyncio.gather(*(each.aio() for each in tasks))

    asyncio.run(both())
    assert sorted(capfd.readouterr().out.splitlines()) == ["a | one", "b | one"]


def test_a_process_without_standard_output_prints_nothing(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert run(task(image, "echo x; echo 1 > /var/outputs/o", outputs=OUTPUT)) == "1\n"


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


def _unread() -> Any:
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)


class Unknown(io.StringIO):
    encoding = "of nobody"


@pytest.mark.parametrize("stream", [_closed, _unread, Unknown, object])
def test_a_standard_output_that_fails_costs_no_result(
    image: str, engine: str, monkeypatch: pytest.MonkeyPatch, stream: Any
) -> None:
    script = "for line in a b c; do echo $line; sleep 0.1; done; echo 1 > /var/outputs/o"
    failing = stream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", failing)
        assert run(task(image, script, outputs=OUTPUT)) == "1\n"
    if hasattr(failing, "close"):
        failing.close()


def test_logs_that_are_no_text_do_no_harm(
    image: str, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run(task(image, "printf 'a\\377\\n'"))
    assert capfd.readouterr().out == "a\ufffd\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    ["yes 0123456789 | head -c 100000000", "head -c 100000000 /dev/zero | tr '\\0' x"],
    ids=["lines", "one line"],
)
def test_a_hundred_megabytes_of_logs_do_not_fill_the_memory(
    image: str, engine: str, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting:
        encoding = "utf-8"
        count = 0

        def write(self, text: str) -> None:
            self.count += len(text)

        def flush(self) -> None:
            pass

    stream = Counting()
    monkeypatch.setattr(sys, "stdout", stream)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(task(image, script))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert stream.count >= 100_000_000
    assert grown < 20_000  # KiB
