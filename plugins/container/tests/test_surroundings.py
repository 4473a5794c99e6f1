"""What a process has around it: its locale, its home, its disks. A container task runs the same."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugins.container.tests.conftest import WAITS, every_engine, meanwhile

from tasksmithy import Dir, File, run
from tasksmithy.errors import OutputError
from tasksmithy_container import ContainerTask, EngineError


def task(image: str, script: str, **fields: Any) -> ContainerTask:
    return ContainerTask(name="t", image=image, command=["sh", "-ec", script], **fields)


# Locales

PROGRAM = r"""
    import json
    import os
    import sys
    from tasksmithy import Dir, File, run
    from tasksmithy_container import ContainerTask

    script = '''
        printf 'gr\\303\\274n\\n' >&2
        printf %s "$1" > /var/outputs/word
        printf %s "$2" > /var/outputs/constant
        printf %s "$MARK" > /var/outputs/variable
        cat /var/inputs/text > /var/outputs/text
        cat /var/inputs/inputs.json > /var/outputs/metadata
        cat "$3" > /var/outputs/file
        mkdir /var/outputs/folder
        touch "/var/outputs/folder/$1"
    '''
    folder = os.fsdecode("gr\u00fcn".encode())
    os.mkdir(folder)
    with open(folder + "/f", "w") as file:
        file.write("5")
    outputs = ("word", "constant", "variable", "text", "metadata")
    *texts, number, names = run(
        ContainerTask(
            name="gr\u00fcn",
            image=sys.argv[1],
            command=["sh", "-ec", script, "sh", "{{.inputs.text}}", "\u20ac", "{{.inputs.file}}"],
            env_vars={"MARK": "\u2603"},
            inputs={"text": str, "file": File},
            outputs={**dict.fromkeys(outputs, bytes), "file": int, "folder": Dir},
        ),
        text="gr\u00fc\u00df \u20ac",
        file=File(folder + "/f"),
    )
    names = [os.fsencode(name).decode() for name in names.names()]
    print("\n" + json.dumps([*(text.decode() for text in texts), number, names]))
"""
LOCALES = {
    "none": {},
    "UTF-8 by LANG alone": {"LANG": "C.UTF-8"},
    "POSIX": {"LC_ALL": "POSIX"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "another standard output": {"LANG": "C.UTF-8", "PYTHONIOENCODING": "latin-1:strict"},
}


@every_engine
@pytest.mark.parametrize("locale", LOCALES)
def test_text_arrives_byte_for_byte_under_every_locale(
    image: str, engine: str, tmp_path: Path, locale: str
) -> None:
    # The folder of a user whose name is not ASCII, too.
    state = tmp_path / "jürgen"
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "PYTHON"))
    }
    own = tmp_path / "own"
    own.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), image],
        env={**others, **LOCALES[locale], "XDG_STATE_HOME": str(state)},
        cwd=own,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    *texts, number, names = json.loads(done.stdout.splitlines()[-1])
    text = "grüß €"
    assert texts == [
        text,
        "€",
        "☃",
        text,
        f'{{\n  "text": "{text}",\n  "file": "/var/inputs/file"\n}}\n',
    ]
    assert (number, names) == (5, [text])
    assert list((state / "tasksmithy/containers").iterdir()) == []


def test_a_state_folder_that_no_engine_can_name_is_refused(
    image: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {*tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", f"{tmp_path}/\udcff")
        with pytest.raises(EngineError, match=r"no engine can mount .* its path in UTF-8"):
            run(task(image, "true"))
    assert {path.name for path in {*tmp_path.iterdir()} - before} == {"\udcff"}


# Homes


@pytest.fixture
def stranger() -> Iterator[Path]:
    """A folder of a user whom this machine does not know."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(folder, STRANGER, STRANGER)
    yield folder
    shutil.rmtree(folder)


STRANGER = 12_345
AS_STRANGER = (
    *("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),  # to read what is root's
)
STRANGERS = """
    import sys
    from tasksmithy import File, run
    from tasksmithy_container import ContainerTask

    task = ContainerTask(
        name="t",
        image=sys.argv[1],
        command=["sh", "-ec", sys.argv[2] + "id -u > /var/outputs/o"],
        outputs={"o": File},
    )
    print(run(task).read_text())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("engine", ["docker"], indirect=True)
def test_a_user_without_a_home_has_containers_and_is_told_of_what_others_own(
    image: str, engine: str, docker_socket: str, stranger: Path
) -> None:
    socket = stranger / "api.sock"
    socket.hardlink_to(docker_socket.removeprefix("unix://"))
    socket.chmod(0o666)
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(stranger), "DOCKER_HOST": f"unix://{socket}"}

    def result(script: str) -> tuple[str, str]:
        done = subprocess.run(
            [*AS_STRANGER, sys.executable, "-c", textwrap.dedent(STRANGERS), image, script],
            env=env,
            capture_output=True,
            text=True,
            cwd=stranger,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    def roots(outputs: Path) -> None:
        (outputs / "roots").mkdir(mode=0o700)
        (outputs / "roots/file").touch()

    state = stranger / f"tasksmithy-{STRANGER}/containers"
    with meanwhile(roots, state=state):
        said, log = result(WAITS)
    assert said == str(STRANGER)
    assert "left for the next container task" in log
    assert "outputs/roots" in log or "moved-" in log
    [left] = state.iterdir()
    said, log = result("")
    assert said == str(STRANGER)
    assert left.name in log
    shutil.rmtree(left)
    assert result("") == (str(STRANGER), "")
    assert list(state.iterdir()) == []


# Disks


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """The folder of outputs, which somebody has put on another disk."""
    memory = Path("/dev/shm")
    state = Path(os.environ["XDG_STATE_HOME"], "tasksmithy")
    state.mkdir(mode=0o700)
    if not memory.is_dir() or memory.stat().st_dev == state.stat().st_dev:
        pytest.skip("there is no other disk")
    folder = Path(tempfile.mkdtemp(dir=memory))
    (state / "outputs").symlink_to(folder)
    yield folder
    shutil.rmtree(folder)


@every_engine
def test_outputs_are_kept_on_another_disk(image: str, engine: str, elsewhere: Path) -> None:
    script = """
        cd /var/outputs
        truncate -s 300000 holes
        mkdir -p d/e; echo 5 > d/e/f; ln -s e/f d/s; ln d/e/f d/hard
    """
    holes, folder = run(task(image, script, outputs={"holes": File, "d": Dir}))
    assert Path(holes).resolve().is_relative_to(elsewhere)
    assert Path(holes).stat().st_size == 300_000
    assert Path(folder, "s").readlink() == Path("e/f")
    assert [Path(folder, name).read_text() for name in ("e/f", "s", "hard")] == ["5\n"] * 3


@pytest.mark.parametrize(
    ("make", "kind"), [("truncate -s SIZE o", File), ("mkdir o; truncate -s SIZE o/f", Dir)]
)
def test_what_another_disk_has_no_room_for_is_refused_before_it_fills_it(
    image: str, engine: str, elsewhere: Path, make: str, kind: type
) -> None:
    system = os.statvfs(elsewhere)
    size = system.f_blocks * system.f_frsize + 1
    script = "cd /var/outputs; echo 1 > first; " + make.replace("SIZE", str(size))
    with pytest.raises(OutputError, match=r"bytes, more than the disk has room for \("):
        run(task(image, script, outputs={"first": File, "o": kind}))
    assert list(elsewhere.iterdir()) == []


def test_of_an_attempt_that_fails_no_output_is_kept(image: str, engine: str) -> None:
    script = "cd /var/outputs; echo 1 > one; mkdir two; echo x > three"
    outputs = {"one": File, "two": Dir, "three": int}
    with pytest.raises(OutputError, match="output 'three'"):
        run(task(image, script, outputs=outputs))
    assert list(Path(os.environ["XDG_STATE_HOME"]).glob("tasksmithy/outputs/*")) == []
