"""What is wrong with the call, the options or the cluster is told with what to do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasksmithy import SettingsError, TaskEnvironment, with_runcontext
from tasksmithy_ray import ClusterError

env = TaskEnvironment(name="b")


@env.task
def one() -> int:
    return 1


def run_on(address: str, **options: Any) -> int:
    given = {"address": address, "connect_timeout": 1, **options}
    result: int = with_runcontext(executor="ray", executor_options=given).run(one)
    return result


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, nor will as long as the test has it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_address_that_does_not_answer_is_told_with_the_time_and_what_to_check(
    closed_port: int,
) -> None:
    with pytest.raises(ClusterError) as raised:
        run_on(f"127.0.0.1:{closed_port}")
    told = str(raised.value)
    assert told.startswith(f"no Ray cluster answers at 127.0.0.1:{closed_port}: tried for 1 s (")
    assert "`ray status` on its head node" in told
    assert "6379" in told


@contextmanager
def listening(says: bytes) -> Iterator[str]:
    """The address of a server that says this to whoever comes, and nothing else."""

    class Other(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(says)
            while self.request.recv(1024):
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_listens_and_says_nothing_is_told_as_what_does_not_answer() -> None:
    with listening(b"") as address, pytest.raises(ClusterError) as raised:
        run_on(address)
    assert str(raised.value).startswith(f"no Ray cluster answers at {address}: tried for 1 s (")


def test_what_listens_and_is_no_ray_is_told_with_the_usual_port() -> None:
    with listening(b"HTTP/1.1 400 Bad Request") as address, pytest.raises(ClusterError) as raised:
        run_on(address, connect_timeout=120)
    told = str(raised.value)
    assert told.startswith(f"what listens at {address} is no Ray cluster: it says b'HTTP/1.1 '")
    assert "6379" in told


def test_a_host_that_nobody_knows_is_told() -> None:
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at nowhere\.invalid:6379"):
        run_on("nowhere.invalid:6379")


@pytest.mark.parametrize("how", ["option", "RAY_ADDRESS"])
def test_an_address_of_ray_client_is_refused_with_what_to_do(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "RAY_ADDRESS":
        monkeypatch.setenv("RAY_ADDRESS", "ray://10.0.0.1:10001")
        runner = with_runcontext(executor="ray")
    else:
        runner = with_runcontext(
            executor="ray", executor_options={"address": "ray://10.0.0.1:10001"}
        )
    with pytest.raises(ClusterError) as raised:
        runner.run(one)
    told = str(raised.value)
    assert told.startswith("the address ray://10.0.0.1:10001 is one of Ray Client")
    assert "ray job submit" in told


def test_an_option_names_the_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "programs"
    with pytest.raises(SettingsError) as raised:
        run_on("127.0.0.1:6379", working_dir=str(missing))
    told = str(raised.value)
    assert "executor 'ray' (tasksmithy-ray " in told
    assert "option working_dir='/" in told  # what follows may be shortened
    assert f"there is no {missing}" in told


def test_a_file_is_no_folder_of_a_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.touch()
    with pytest.raises(SettingsError, match="is a file; give the folder of the program"):
        run_on("127.0.0.1:6379", working_dir=str(program))


def test_an_option_names_the_module_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"option py_modules=.* there is no .*/helper, in 1"):
        run_on("127.0.0.1:6379", py_modules=[str(tmp_path), str(tmp_path / "helper")])
