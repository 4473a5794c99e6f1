"""What a container leaves in a directory: only files, directories and inner links come across."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tasksmithy import Dir, OutputError, run
from tasksmithy_container import ContainerTask
from tasksmithy_container.border import BorderError, check_tree

Maker = Callable[[Path], object]


def _socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("s")
    finally:
        os.chdir(here)


def _deep(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def _long(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=descriptor)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def _disk(folder: Path) -> int:
    system = os.statvfs(folder)
    return system.f_blocks * system.f_frsize


def _with_holes(file: Path, size: int) -> None:
    file.touch()
    os.truncate(file, size)


def _up_by_a_link(folder: Path) -> None:
    (folder / "p/q").mkdir(parents=True)
    (folder / "p/q/top").symlink_to("../..")
    (folder / "out").symlink_to("p/q/top/../..")  # by its text alone it would stay inside


def _link_in_a_directory(folder: Path) -> None:
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/s").symlink_to("../../../../../etc/passwd")


REFUSED: dict[str, tuple[Maker, str]] = {
    "an absolute link": (lambda d: (d / "s").symlink_to("/etc/passwd"), "leads out of it"),
    "a relative link upwards": (lambda d: (d / "s").symlink_to("../secret"), "leads out of it"),
    "a link deep inside": (_link_in_a_directory, "'a/b/s' is a link"),
    "a link out by another link": (_up_by_a_link, "leads out of it"),
    "a link to a directory outside": (lambda d: (d / "s").symlink_to(".."), "leads out of it"),
    "an absolute link to what is inside": (
        lambda d: ((d / "f").touch(), (d / "s").symlink_to(d / "f")),
        "leads out of it",
    ),
    "a link to nothing": (lambda d: (d / "s").symlink_to("nothing"), "is not there"),
    "a link to itself": (lambda d: (d / "s").symlink_to("s"), "is not there"),
    "a link to a file of the kernel": (lambda d: (d / "s").symlink_to("/proc/self/environ"), "out"),
    "a named pipe": (lambda d: os.mkfifo(d / "p"), "'p' is a named pipe"),
    "a socket": (_socket, "'s' is a socket"),
    "a tree too deep": (_deep, "more than 100 directories deep"),
    "a path too long": (_long, "longer than 4,000 bytes"),
    "a file larger than the disk": (
        lambda d: _with_holes(d / "f", _disk(d) + 1),
        r"with 'f' it has [\d,]+ bytes, more than the disk",
    ),
    "files that are together larger than the disk": (
        lambda d: [_with_holes(d / name, _disk(d) // 2 + 1) for name in "fg"],
        "more than the disk",
    ),
    "a name that is no text": (
        lambda d: Path(os.fsdecode(bytes(d) + b"/\xff")).touch(),
        "is not UTF-8",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("the host's")
    inner = tmp_path / "left"
    inner.mkdir()
    return inner


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_directory_is_refused_with_the_place(folder: Path, make: Maker, reason: str) -> None:
    make(folder)
    with pytest.raises(BorderError, match=reason):
        check_tree(folder, folder.parent)


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes a device")
def test_a_device_is_refused(folder: Path) -> None:
    os.mknod(folder / "null", 0o20666, os.makedev(1, 3))
    with pytest.raises(BorderError, match="'null' is a device"):
        check_tree(folder, folder.parent)


def test_more_files_than_can_be_walked_over_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasksmithy_container.border._MOST_ENTRIES", 100)
    for number in range(100):
        (folder / str(number)).touch()
    check_tree(folder, folder.parent)
    (folder / "another").touch()
    with pytest.raises(BorderError, match="more than 100 files"):
        check_tree(folder, folder.parent)


def test_files_directories_and_links_between_them_come_across(folder: Path) -> None:
    (folder / "v1").mkdir()
    (folder / "v1/data").write_text("x")
    (folder / "v1/with\nlines ☃").touch()
    (folder / "current").symlink_to("v1")
    (folder / "v1/again").symlink_to("data")
    (folder / "v1/up").symlink_to("../v1/data")
    (folder / "all").symlink_to(".")
    os.link(folder / "v1/data", folder / "hard")
    before = sorted(folder.rglob("*"))
    check_tree(folder, folder.parent)
    assert sorted(folder.rglob("*")) == before


def test_the_border_itself_may_be_reached_by_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "f").touch()
    (folder / "s").symlink_to("f")
    (tmp_path / "here").symlink_to("left")
    check_tree(tmp_path / "here", tmp_path)
    (folder / "out").symlink_to("/etc/passwd")
    with pytest.raises(BorderError, match="out of it"):
        check_tree(tmp_path / "here", tmp_path)


LEFT = {
    "link": ("ln -s /etc/passwd d/s", "'s' is a link to '/etc/passwd', which leads out of it"),
    "upwards": (f"ln -s {'../' * 30}etc/passwd d/s", "which leads out of it"),
    "pipe": ("mkfifo d/p", "'p' is a named pipe"),
}


@pytest.mark.parametrize(("script", "reason"), LEFT.values(), ids=LEFT)
def test_nothing_of_this_machine_is_reached_by_what_a_container_leaves(
    engine: str, image: str, script: str, reason: str
) -> None:
    task = ContainerTask(
        name="t",
        image=image,
        command=["sh", "-ec", f"cd /var/outputs; mkdir d; {script}"],
        outputs={"d": Dir},
    )
    with pytest.raises(OutputError, match=reason):
        run(task)
