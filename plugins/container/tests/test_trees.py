"""Removing what a container has made: any depth, any mode, no link followed."""

import os
import subprocess
from pathlib import Path

from tasksmithy import run
from tasksmithy_container import ContainerTask
from tasksmithy_container.trees import remove_tree


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "left"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d" * 100, dir_fd=descriptor)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    try:
        remove_tree(folder)
        assert list(tmp_path.iterdir()) == []
    finally:  # pytest itself cannot remove such a tree, and would fail at the end of its session
        subprocess.run(["rm", "-rf", folder], check=True)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    folder = tmp_path / "left"
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to("../kept")
    (folder / "inner/link").symlink_to(tmp_path / "kept/file")
    remove_tree(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept/file").exists()


def test_directories_that_nobody_can_enter_and_odd_names_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "left"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/lines\nand more").touch()
    Path(os.fsdecode(bytes(folder) + b"/\xff")).mkdir()
    os.mkfifo(folder / "a/pipe")
    (folder / "a/b").chmod(0)
    (folder / "a").chmod(0)
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_deep_tree_costs_no_result_and_no_later_task(engine: str, image: str) -> None:
    deep = (
        "cd /var/outputs; i=0; n=$(printf 'a%.0s' $(seq 250)); "
        "while [ $i -lt 16 ]; do mkdir $n; cd $n; i=$((i+1)); done; echo 5 > /var/outputs/o"
    )
    for script in (deep, "echo 5 > /var/outputs/o"):
        task = ContainerTask(
            name="t", image=image, command=["sh", "-ec", script], outputs={"o": int}
        )
        assert run(task) == 5
