"""Which engine is used, and what is said where none can be."""

import asyncio
import json
from pathlib import Path

import pytest

from tasksmithy_container import EngineError, NoEngineError
from tasksmithy_container.engine import Engine, find_engine

ANSWERS = "#!/bin/sh\necho '[\"name=seccomp\"]'\n"
ROOTLESS = "#!/bin/sh\necho '[\"name=rootless\"]'\n"
SILENT = "#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own, and no setting that chooses an engine."""
    for name in ("TASKSMITHY_CONTAINER_ENGINE", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, script: str = ANSWERS) -> str:
    program = folder / name
    program.write_text(script)
    program.chmod(0o755)
    return str(program)


def found() -> Engine:
    return asyncio.run(find_engine())


def test_docker_is_used_where_its_daemon_answers(programs: Path) -> None:
    docker = put(programs, "docker")
    put(programs, "podman")
    assert (found().program, found().kind, found().rootless) == (docker, "docker", False)


def test_podman_is_used_where_dockers_daemon_does_not_answer(programs: Path) -> None:
    put(programs, "docker", SILENT)
    podman = put(programs, "podman")
    assert (found().program, found().kind) == (podman, "podman")


def test_podman_is_used_where_there_is_no_docker(programs: Path) -> None:
    podman = put(programs, "podman")
    assert found().program == podman


def test_the_setting_comes_before_all_else(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(programs, "docker")
    podman = put(programs, "podman")
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere.sock")
    monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", "podman")
    assert found().program == podman


def test_the_setting_may_be_a_path(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "elsewhere").mkdir()
    program = put(programs / "elsewhere", "podman-5")
    monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", program)
    assert found().program == program


def test_docker_host_chooses_docker(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = put(programs, "docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere.sock")
    assert (found().program, found().kind) == (docker, "docker")
    assert ("DOCKER_HOST", "unix:///somewhere.sock") in found().environment


def test_a_docker_that_was_chosen_is_not_replaced_by_podman(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(programs, "docker", SILENT)
    put(programs, "podman")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(NoEngineError, match=r"DOCKER_HOST='unix:///nowhere.sock' chooses docker"):
        found()


def test_a_docker_context_chooses_docker(programs: Path) -> None:
    put(programs, "docker", SILENT)
    put(programs, "podman")
    (programs / "home/.docker").mkdir(parents=True)
    (programs / "home/.docker/config.json").write_text(json.dumps({"currentContext": "far"}))
    with pytest.raises(NoEngineError, match="the docker context 'far' chooses docker"):
        found()


def test_without_a_docker_client_a_docker_host_is_no_reason_to_fail(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    podman = put(programs, "podman")
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere.sock")
    assert found().program == podman


def test_a_rootless_daemon_is_known_as_one(programs: Path) -> None:
    put(programs, "docker", ROOTLESS)
    assert found().rootless


def test_no_engine_says_what_was_looked_for_and_how_to_get_one(programs: Path) -> None:
    put(programs, "docker", SILENT)
    with pytest.raises(NoEngineError) as caught:
        found()
    for part in (
        "TASKSMITHY_CONTAINER_ENGINE (not set)",
        "DOCKER_HOST or a docker context (not set)",
        "docker (its daemon does not answer: Cannot connect to the daemon)",
        "podman (it is not on PATH)",
        "apt-get install podman",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("choice", ["podmann", "sh", "/no/such/docker"])
def test_a_setting_that_names_no_engine_is_refused(
    programs: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    put(programs, "podman")
    put(programs, "sh")
    monkeypatch.setenv("TASKSMITHY_CONTAINER_ENGINE", choice)
    with pytest.raises(NoEngineError, match="names no engine here"):
        found()


def test_an_engine_can_be_found_again_by_who_cleans_up_after_it() -> None:
    engine = Engine("/bin/docker", "docker", (("DOCKER_HOST", "unix:///x"),), rootless=True)
    assert Engine.from_dict(json.loads(json.dumps(engine.to_dict()))) == engine


def test_a_daemon_that_says_nothing_is_given_up(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(programs, "docker", "#!/bin/sh\nexec /bin/sleep 600\n")
    monkeypatch.setattr("tasksmithy_container.engine._DAEMON_SECONDS", 0.2)
    with pytest.raises(NoEngineError, match=r"docker \(its daemon does not answer within 0.2 s\)"):
        found()


def test_who_cleans_up_later_asks_the_same_daemon(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(programs, "docker")
    monkeypatch.setenv("DOCKER_CONFIG", "/then")
    engine = found()
    monkeypatch.setenv("DOCKER_HOST", "unix:///another.sock")
    monkeypatch.setenv("DOCKER_CONFIG", "/now")
    assert engine.client_environment["DOCKER_CONFIG"] == "/then"
    assert "DOCKER_HOST" not in engine.client_environment


@pytest.mark.parametrize(
    "reason",
    [
        "unlinkat /x/userdata/shm: device or resource busy",
        "sending SIGKILL to container 443c0b7c: container state improper: stopped",
    ],
)
def test_a_container_that_is_ending_is_removed_a_moment_later(programs: Path, reason: str) -> None:
    program = put(
        programs,
        "podman",
        f"#!/bin/sh\necho x >> {programs}/calls\n"
        f"[ $(/usr/bin/wc -l < {programs}/calls) -gt 2 ] && exit\n"
        f"echo 'Error: {reason}' >&2; exit 1\n",
    )
    asyncio.run(Engine(program, "podman").remove("tasksmithy-0"))
    assert (programs / "calls").read_text() == "x\n" * 3


def test_a_container_that_cannot_be_removed_is_told_after_some_tries(programs: Path) -> None:
    program = put(
        programs, "podman", f"#!/bin/sh\necho x >> {programs}/calls\necho no >&2; exit 1\n"
    )
    with pytest.raises(EngineError, match="container tasksmithy-0 cannot be removed: no"):
        asyncio.run(Engine(program, "podman").remove("tasksmithy-0"))
    assert (programs / "calls").read_text() == "x\n" * 5
