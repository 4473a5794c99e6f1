"""The connection of this process to a Ray cluster, which all runs of the process share."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any, Final, cast

from tasksmithy.errors import MissingDependencyError
from tasksmithy_ray.errors import ClusterError
from tasksmithy_ray.options import RayOptions

_CLIENT: Final = "ray://"

_HELLO: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""How a client of HTTP/2, which Ray speaks, begins: RFC 9113, section 3.4."""

_SETTINGS: Final = b"\4"
"""The type of the frame that both sides of HTTP/2 send first."""

UNTHROTTLED: Final = {"worker_cap_enabled": False}
"""Where more tasks wait for others than there are CPUs, Ray starts a process in 10 s, otherwise."""

_logger = logging.getLogger("tasksmithy.ray")
_lock = threading.Lock()
_users = 0
_options = RayOptions()
_end = threading.Event()


def require_ray() -> None:
    """Check that Ray is there.

    Raises:
        MissingDependencyError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError("the executor 'ray'", "ray", "pip install 'tasksmithy[ray]'")


def connect(options: RayOptions) -> None:
    """Connect to the cluster, or start one; `disconnect` has to follow. It takes seconds.

    A connection that the program has made itself is used, and left as it is.

    Raises:
        MissingDependencyError: Ray is not installed.
        ClusterError: the cluster does not answer, or cannot be used; or another run of this process
            is connected with other options.
    """
    global _users, _options
    require_ray()
    import ray

    with _lock:
        if not ray.is_initialized():
            begun: Future[None] = Future()
            _end.clear()
            threading.Thread(
                target=_hold, args=(options, begun), name="tasksmithy-ray", daemon=True
            ).start()
            begun.result()
            _users, _options = 1, options.connection
        elif not _users:
            _warn_of_unused(options)
        elif options.connection != _options:
            raise ClusterError(
                f"this process has a run on {_place(_options)} with other options, and Ray "
                f"connects a process once: wait for its end, or start the run on {_place(options)} "
                "in a process of its own"
            )
        else:
            _users += 1


def disconnect() -> None:
    """The run has ended; with the last one of this process the connection does, too."""
    global _users
    import ray

    with _lock:
        if _users:
            _users -= 1
            if not _users:
                ray.shutdown()
                _end.set()


def nodes() -> dict[str, dict[str, float]]:
    """The nodes that are alive, by address and id, with all that they can give."""
    import ray

    return {
        f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})": dict(node["Resources"])
        for node in ray.nodes()
        if node["Alive"]
    }


def _warn_of_unused(options: RayOptions) -> None:
    given = options.model_fields_set - {"address", "queues", "interruptible", "adds_nodes"}
    if given:
        _logger.warning(
            "the program has connected to Ray by itself: %s of the options of executor 'ray' make "
            "no difference, give them to ray.init()",
            ", ".join(sorted(given)),
        )


def _place(options: RayOptions) -> str:
    address = options.cluster
    return f"the Ray cluster at {address}" if address else "a Ray on this machine"


def _hold(options: RayOptions, begun: Future[None]) -> None:
    """In a thread: connect, and live as long as the connection.

    On Linux, a Ray on this machine is killed with the thread that has started it.
    """
    try:
        _begin(options)
    except BaseException as error:  # noqa: BLE001 - handed to who connects
        begun.set_exception(error)
    else:
        begun.set_result(None)
        _end.wait()


def _begin(options: RayOptions) -> None:
    import ray

    address = options.cluster
    named: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if (runtime_env := _runtime_env(options)) is not None:
        named["runtime_env"] = runtime_env
    if address:
        if address.startswith(_CLIENT):
            raise ClusterError(
                f"the address {address} is one of Ray Client, which runs nothing here. Start the "
                "run on a machine of the cluster, with address=auto: log in there, or use `ray "
                "job submit --address http://HOST:8265 --working-dir . -- tasksmithy run ...`"
            )
        _await_answer(address, options.connect_timeout)
        named["address"] = address
    else:
        named |= {
            "address": "local",
            "include_dashboard": False,
            "num_cpus": options.num_cpus,
            "num_gpus": options.num_gpus,
            "resources": options.resources or None,
            "object_store_memory": options.object_store_memory,
            "_temp_dir": options.temp_dir,
            "_node_ip_address": "127.0.0.1",
            "_system_config": UNTHROTTLED,
        }
    logger = logging.getLogger("ray")
    before = logger.level
    logger.setLevel(logging.ERROR)  # it warns of how it is called here
    try:
        ray.init(**named)
        _keep_from_stdout()
    except Exception as error:
        ray.shutdown()  # it may be connected by half
        raise ClusterError(
            f"{_place(options)} cannot be used: {error}. This process has Ray {ray.__version__}; "
            "the machines of a cluster have to have the same, and the same Python. Where they ask "
            "for a token, this process needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        ) from error
    finally:
        logger.setLevel(before)


def _keep_from_stdout() -> None:
    """Have Ray log what its daemons say, which it prints: standard output is the answer's."""
    from ray._private import worker

    def log(data: dict[str, Any], **_: object) -> None:
        for line in data["lines"]:
            _logger.debug("%s: %s", data["pid"], line)

    worker.print_to_stdstream = cast("Any", log)


def _runtime_env(options: RayOptions) -> dict[str, Any] | None:
    chosen: dict[str, Any] = dict(options.runtime_env)
    if options.working_dir is not None:
        chosen["working_dir"] = options.working_dir
    if options.py_modules:
        chosen["py_modules"] = options.py_modules
    return chosen or None


def _await_answer(address: str, timeout: float) -> None:
    """Wait until something answers at an address as Ray does; Ray itself would wait for minutes.

    Raises:
        ClusterError: nothing has in this time, or what answers is no Ray.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():  # "auto", "local": Ray knows where to look
        return
    begun = time.monotonic()
    while True:
        left = begun + timeout - time.monotonic()
        try:
            answer = _greeted(host.strip("[]"), int(port), max(left, 0.1))
        except OSError as error:
            if left > 1:
                time.sleep(0.5)
                continue
            raise ClusterError(
                f"no Ray cluster answers at {address}: tried for {timeout:g} s ({error}). Is it "
                "running there (`ray status` on its head node), is the port right (the usual one "
                "is 6379), and do a firewall or a VPN let this machine through?"
            ) from None
        if answer[3:4] != _SETTINGS:
            raise ClusterError(
                f"what listens at {address} is no Ray cluster: it says {answer!r}. Is the port "
                "right? The usual one is 6379; 8265 is that of Ray's dashboard"
            )
        return


def _greeted(host: str, port: int, timeout: float) -> bytes:
    """What answers the beginning of HTTP/2: the head of a frame (length, type, flags, stream).

    Raises:
        OSError: nothing does.
    """
    with socket.create_connection((host, port), timeout) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("0", "false"):
            return b"\0\0\0" + _SETTINGS  # it would have to be greeted in TLS
        connection.sendall(_HELLO)
        return connection.recv(9)
