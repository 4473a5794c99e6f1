"""Secrets in a local run: where values come from, and how a task gets them."""

from __future__ import annotations

import asyncio
import os
import pickle
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tasksmithy import (
    HookError,
    NativeInterface,
    Registry,
    Secret,
    SecretNotFoundError,
    Settings,
    SettingsError,
    TaskDefinitionError,
    TaskTemplate,
    TaskType,
    hookimpl,
)
from tasksmithy.fields._secret import SecretRequest
from tasksmithy.runtime.secrets import _sources
from tasksmithy.runtime.secrets._mounts import Mounts, mounted
from tasksmithy.runtime.secrets._sources import SecretSources, environment, resolve

NOWHERE = SecretSources(env_files=())


class Plain(TaskType):
    """Knows no secret."""

    task_type = "plain"


class Vault(TaskType):
    """Knows one secret."""

    task_type = "vault"

    @hookimpl
    def resolve_secret(self, secret: Secret) -> str | None:
        return "from the vault" if secret.key == "key" else None


def resolved(
    request: SecretRequest, sources: SecretSources = NOWHERE, plugin: TaskType | None = None
) -> dict[Secret, str]:
    plugin = plugin or Plain()
    task: TaskTemplate[..., Any] = TaskTemplate(
        name="train", task_type=plugin.task_type, interface=NativeInterface(), secrets=request
    )
    hooks = Registry(task_types=[plugin]).hooks(plugin.task_type)
    return asyncio.run(resolve(task, hooks, sources))


def value(secret: Secret, sources: SecretSources = NOWHERE, plugin: TaskType | None = None) -> str:
    return resolved(secret, sources, plugin)[secret]


def refusal(secret: Secret, sources: SecretSources = NOWHERE) -> SecretNotFoundError:
    with pytest.raises(SecretNotFoundError) as caught:
        resolved(secret, sources)
    return caught.value


@pytest.fixture
def everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretSources:
    """The secret `key` has a value in the environment, in a file and in a directory."""
    monkeypatch.setenv("KEY", "from the environment")
    (tmp_path / ".env").write_text("KEY=from the file\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "key").write_text("from the directory\n")
    return SecretSources(env_files=(tmp_path / ".env",), directory=tmp_path / "dir")


# Where values come from


def test_a_task_without_secrets_has_no_values() -> None:
    assert resolved([]) == {}


def test_the_hook_is_asked_first(everywhere: SecretSources) -> None:
    assert value(Secret("key"), everywhere, Vault()) == "from the vault"


def test_the_environment_comes_after_the_hook(everywhere: SecretSources) -> None:
    assert value(Secret("key"), everywhere) == "from the environment"


def test_files_of_values_come_after_the_environment(
    everywhere: SecretSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY")
    assert value(Secret("key"), everywhere) == "from the file"


def test_the_directory_comes_last(
    everywhere: SecretSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY")
    everywhere.env_files[0].unlink()
    assert value(Secret("key"), everywhere) == "from the directory"


def test_each_secret_comes_from_where_it_is(everywhere: SecretSources) -> None:
    assert everywhere.directory is not None
    (everywhere.directory / "other").write_text("the other")
    assert resolved(["key", "other"], everywhere) == {
        Secret("key"): "from the environment",
        Secret("other"): "the other",
    }


def test_a_secret_of_a_group_has_the_group_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_GROUP_API_KEY", "v")
    assert value(Secret("api-key", "my-group")) == "v"


def test_a_secret_of_a_group_has_a_directory_of_the_group(tmp_path: Path) -> None:
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai" / "key").write_text("v")
    assert value(Secret("key", "openai"), SecretSources(env_files=(), directory=tmp_path)) == "v"


def test_the_variable_that_the_task_reads_may_be_set_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "v")
    assert value(Secret("key", "openai", as_env_var="OPENAI_API_KEY")) == "v"


def test_the_name_of_the_secret_goes_before_the_variable_that_the_task_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTHER", "by the task's name")
    monkeypatch.setenv("KEY", "by its own name")
    assert value(Secret("key", as_env_var="OTHER")) == "by its own name"


def test_a_mounted_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "v")
    assert value(Secret("key", mount="/etc/secrets")) == "v"


def test_the_first_file_that_has_a_value_gives_it(tmp_path: Path) -> None:
    files = tmp_path / "missing", tmp_path / "without", tmp_path / "first", tmp_path / "second"
    files[1].write_text("OTHER=0\n")
    files[2].write_text("KEY=1\n")
    files[3].write_text("KEY=2\n")
    assert value(Secret("key"), SecretSources(env_files=files)) == "1"


def test_an_empty_variable_is_no_value(
    everywhere: SecretSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "")
    assert value(Secret("key"), everywhere) == "from the file"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"v", "v"),
        (b"v\n", "v"),
        (b"v\r\n", "v"),
        (b"v\n\n", "v\n"),
        (b" v \n", " v "),
        (b"one\r\ntwo", "one\r\ntwo"),
        (b"\xef\xbb\xbfv", "v"),
    ],
)
def test_a_secrets_file_is_its_value_without_the_last_line_end(
    tmp_path: Path, content: bytes, found: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert value(Secret("key"), SecretSources(env_files=(), directory=tmp_path)) == found


def test_a_link_in_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("v")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "key").symlink_to("../data")
    assert value(Secret("key"), SecretSources(env_files=(), directory=tmp_path / "dir")) == "v"


def test_the_directory_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("v")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert value(Secret("key"), SecretSources(env_files=(), directory=Path(".."))) == "v"


@pytest.mark.parametrize("key", ["../key", "/etc/hostname"])
def test_a_key_does_not_lead_out_of_the_directory(tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text("v")
    (tmp_path / "dir").mkdir()
    secret = Secret(key, mount="/etc/secrets")
    error = refusal(secret, SecretSources(env_files=(), directory=tmp_path / "dir"))
    assert error.looked_at[-1].endswith(f" (outside of {tmp_path / 'dir'})")


def test_the_dotenv_file_of_the_working_directory_is_a_source_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("KEY=v\n")
    assert value(Secret("key"), SecretSources()) == "v"


def test_the_settings_name_the_sources() -> None:
    settings = Settings(secrets_files=("a", "/b"), secrets_dir="/c")
    assert SecretSources.of(settings) == SecretSources(
        env_files=(Path("a"), Path("/b")), directory=Path("/c")
    )


def test_settings_that_say_nothing_are_the_default_sources() -> None:
    assert SecretSources.of(Settings()) == SecretSources()


def test_a_hook_that_takes_its_time_leaves_the_loop_free() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(TaskType):
        task_type = "slow"

        @hookimpl
        def resolve_secret(self, secret: Secret) -> str:
            started.set()
            assert go_on.wait(10)
            return "v"

    async def beside() -> dict[Secret, str]:
        task: TaskTemplate[..., Any] = TaskTemplate(
            name="t", task_type="slow", interface=NativeInterface(), secrets="key"
        )
        hooks = Registry(task_types=[Slow()]).hooks("slow")
        asking = asyncio.create_task(resolve(task, hooks, NOWHERE))
        while not started.is_set():
            await asyncio.sleep(0.001)
        go_on.set()
        return await asking

    assert asyncio.run(beside()) == {Secret("key"): "v"}


# What has no value


def test_a_secret_that_nothing_knows_is_an_error_that_names_every_place(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_KEY=\nOTHER=s3cr3t\n")
    sources = SecretSources(
        env_files=(tmp_path / ".env", tmp_path / "more.env"), directory=tmp_path
    )
    error = refusal(Secret("key", "openai", as_env_var="API_KEY"), sources)
    assert (error.task, error.key, error.group) == ("train", "key", "openai")
    assert str(error) == (
        "task 'train' needs the secret 'key' of group 'openai', which has no value here. "
        "Looked at, in this order:\n"
        f"  - {error.looked_at[0]}\n"
        "  - the environment variable OPENAI_KEY\n"
        "  - the environment variable API_KEY\n"
        f"  - OPENAI_KEY in {tmp_path}/.env (empty)\n"
        f"  - API_KEY in {tmp_path}/.env\n"
        f"  - {tmp_path}/more.env (not there)\n"
        f"  - {tmp_path}/openai/key (not there)\n"
        "Put the value into one of these, or name other files and another directory: "
        "secrets_files and secrets_dir in [tool.tasksmithy], or TASKSMITHY_SECRETS_DIR."
    )


def test_the_error_names_the_plugin_that_was_asked() -> None:
    assert refusal(Secret("key")).looked_at[0] == (
        f"the hook resolve_secret of task type 'plain' ({Plain.__module__}) and of the policies"
    )


def test_a_secret_without_a_group_is_named_without_one() -> None:
    assert "needs the secret 'key', which" in str(refusal(Secret("key")))


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / "key").write_bytes(b"s3cr3t \xff")
    error = refusal(
        Secret("key"), SecretSources(env_files=(tmp_path / ".env",), directory=tmp_path)
    )
    assert error.looked_at[-2:] == (
        f"{tmp_path}/.env (cannot be read: Is a directory)",
        f"{tmp_path}/key (cannot be read: not UTF-8)",
    )


def test_a_file_with_a_line_that_cannot_be_read_is_an_error_for_the_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("what: ever\n")
    with pytest.raises(SettingsError, match=r"\.env, line 1: ") as caught:
        resolved("key", SecretSources(env_files=(tmp_path / ".env",)))
    assert caught.value.__notes__ == ["while looking for the secret 'key' of task 'train'"]


def test_a_hook_that_fails_is_an_error_for_the_secret(everywhere: SecretSources) -> None:
    class Down(TaskType):
        task_type = "down"

        @hookimpl
        def resolve_secret(self, secret: Secret) -> str:
            raise ConnectionError("no vault")

    with pytest.raises(HookError, match="no vault") as caught:
        resolved("key", everywhere, Down())
    assert caught.value.__notes__ == ["while looking for the secret 'key' of task 'train'"]


def test_the_error_survives_pickling() -> None:
    error = SecretNotFoundError("t", "key", "group", ["here", "there"])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


# The environment


def test_the_environment_holds_values_by_the_names_that_the_task_reads() -> None:
    values = {
        Secret("key"): "1",
        Secret("key", "my-group"): "2",
        Secret("key", as_env_var="OTHER"): "3",
        Secret("key", mount="/etc/secrets", as_env_var="BOTH"): "4",
        Secret("key", mount="/etc/secrets"): "5",
    }
    assert environment(values) == {"KEY": "1", "MY_GROUP_KEY": "2", "OTHER": "3", "BOTH": "4"}


# Files


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary directory of this machine; what is left in it is a failure."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("secret", "file"),
    [
        (Secret("key", mount="/etc/secrets"), "/etc/secrets/key"),
        (Secret("key", "group", mount="/etc/secrets/"), "/etc/secrets/group/key"),
        (Secret("key", mount=PurePosixPath("/etc/secrets")), "/etc/secrets/key"),
        (Secret("key", "group", mount="/etc/secrets/key"), "/etc/secrets/key"),
        (Secret("key", mount="/etc/tls/client.pem"), "/etc/tls/client.pem"),
        (Secret("client.pem", mount="/etc/tls"), "/etc/tls/client.pem"),
        (Secret("../../key", mount="/etc/secrets"), "/key"),
        (Secret("key", mount="/../../etc"), "/etc/key"),
    ],
)
def test_a_mounted_secret_has_a_file_below_the_root(
    temporary: Path, secret: Secret, file: str
) -> None:
    with mounted({secret: "v"}) as mounts:
        assert mounts.root is not None
        assert mounts.root.parent == temporary
        assert mounts.files == {secret: Path(f"{mounts.root}{file}")}
        assert mounts.files[secret].read_text() == "v"


def test_a_secret_that_is_not_mounted_has_no_file(temporary: Path) -> None:
    with mounted({Secret("key"): "v"}) as mounts:
        assert mounts == Mounts()
        assert list(temporary.iterdir()) == []


def test_several_secrets_share_a_root(temporary: Path) -> None:
    first, second = Secret("a", mount="/etc/secrets"), Secret("b", mount="/etc/secrets")
    with mounted({first: "1", second: "2", Secret("c"): "3"}) as mounts:
        assert {file.read_text() for file in mounts.files.values()} == {"1", "2"}


def test_a_file_is_for_its_user_alone(temporary: Path) -> None:
    secret = Secret("key", mount="/etc/secrets")
    mask = os.umask(0)
    try:
        with mounted({secret: "v"}) as mounts:
            assert mounts.root is not None
            assert stat.S_IMODE(mounts.files[secret].stat().st_mode) == 0o600
            assert stat.S_IMODE(mounts.root.stat().st_mode) == 0o700
    finally:
        os.umask(mask)


@pytest.mark.parametrize("content", ["one\r\ntwo\n", "füße", "\udcff"])
def test_a_file_holds_the_value_byte_for_byte(temporary: Path, content: str) -> None:
    secret = Secret("key", mount="/etc/secrets")
    with mounted({secret: content}) as mounts:
        assert mounts.files[secret].read_bytes() == os.fsencode(content)


def test_files_are_gone_afterwards(temporary: Path) -> None:
    secret = Secret("key", mount="/etc/secrets")
    with mounted({secret: "v"}) as mounts:
        pass
    assert not mounts.files[secret].exists()


def test_files_are_gone_after_a_failure(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), mounted({Secret("key", mount="/etc/secrets"): "v"}):
        raise ZeroDivisionError


def test_files_are_gone_after_a_cancellation(temporary: Path) -> None:
    async def attempt() -> None:
        with mounted({Secret("key", mount="/etc/secrets"): "v"}):
            await asyncio.sleep(60)

    async def cancelled() -> None:
        task = asyncio.create_task(attempt())
        await asyncio.sleep(0)
        assert len(list(temporary.iterdir())) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_files_are_gone_when_not_all_can_be_written(temporary: Path) -> None:
    secrets = {Secret("a", mount="/etc/a.pem"): "1", Secret("b", mount="/etc/a.pem/b"): "2"}
    with pytest.raises(OSError), mounted(secrets):
        pass


def test_the_environment_says_where_the_files_are(temporary: Path) -> None:
    with mounted({Secret("key", mount="/etc/secrets"): "v"}) as mounts:
        assert mounts.environment() == {"TASKSMITHY_SECRETS_ROOT": str(mounts.root)}


def test_the_environment_says_nothing_where_there_are_no_files() -> None:
    assert Mounts().environment() == {}


def test_two_secrets_cannot_share_a_file() -> None:
    with pytest.raises(TaskDefinitionError, match=r"another mount: /etc/tls/a\.pem is taken"):
        resolved(
            [Secret("a", mount="/etc/tls/a.pem"), Secret("b", mount="/etc/tls/a.pem")], NOWHERE
        )


# Pipes in the place of files


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    os.mkfifo(file)

    def write() -> None:
        with file.open("wb", buffering=0) as pipe:
            for piece in (b"OTHER=1\nKE", b"Y=from ", b"a pipe\n"):
                pipe.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    assert value(Secret("key"), SecretSources(env_files=(file,))) == "from a pipe"
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_no_source_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    os.mkfifo(file)
    monkeypatch.setattr(_sources, "PATIENCE", 0.1)
    with pytest.raises(
        SecretNotFoundError, match=r"it is a pipe, and nobody wrote to it for 0\.1 s"
    ):
        value(Secret("key"), SecretSources(env_files=(file,)))
