"""File and Dir: what they read, where they are, how text and JSON become one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from tasksmithy.errors import (
    FieldError,
    InputError,
    MissingDependencyError,
    ValueEncodingError,
)
from tasksmithy.task._call_checks import check_inputs
from tasksmithy.task._interface import NativeInterface
from tasksmithy.values._conversion import from_json, from_text, to_jsonable
from tasksmithy.values._files import Dir, File
from tasksmithy.values._identity import digest
from tasksmithy.values._storage import decode, encode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "b.txt").write_text("zwei ü", encoding="utf-8")
    (tmp_path / "in" / "a.txt").write_text("eins")
    (tmp_path / "in" / "sub" / "c.txt").write_text("drei")
    return tmp_path / "in"


@pytest.fixture
def remote(folder: Path) -> str:
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.put(f"{folder}/", "/data/", recursive=True)
    return "memory://data"


def test_a_file_is_made_of_a_string_or_of_a_path(folder: Path) -> None:
    assert File(folder / "a.txt") == File(str(folder / "a.txt"))
    assert File("./a.txt").path == "./a.txt"


def test_a_file_is_a_path_for_all_that_takes_one(folder: Path) -> None:
    assert Path(File(folder / "a.txt")).read_text() == "eins"


def test_a_file_and_a_directory_of_one_path_differ() -> None:
    assert File("a") != Dir("a")


def test_a_file_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        File("a").path = "b"  # type: ignore[misc]


def test_a_file_survives_being_pickled() -> None:
    assert pickle.loads(pickle.dumps(File("a"))) == File("a")


@pytest.mark.parametrize("path", ["", " ", 3])
def test_a_path_that_is_none_is_an_error_when_it_is_checked(path: str) -> None:
    with pytest.raises(FieldError, match="path="):
        File(path).check()
    with pytest.raises(FieldError, match="path="):
        Dir(path).check()


def test_a_file_is_read_as_text_and_as_bytes(folder: Path) -> None:
    file = File(folder / "b.txt")
    assert file.read_text() == "zwei ü"
    assert file.read_bytes() == "zwei ü".encode()


def test_what_is_written_to_a_file_is_read_from_it(tmp_path: Path) -> None:
    file = File(tmp_path / "new.txt")
    assert not file.exists()
    with file.open("w") as opened:
        opened.write("ü")
    assert file.exists()
    assert file.read_bytes() == "ü".encode()


def test_the_error_for_a_file_that_is_not_there_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        File(tmp_path / "missing.txt").read_bytes()


def test_exists_tells_files_from_directories(folder: Path) -> None:
    assert not File(folder).exists()
    assert Dir(folder).exists()
    assert not Dir(folder / "a.txt").exists()


def test_a_file_is_downloaded_to_a_path_or_into_a_directory(folder: Path, tmp_path: Path) -> None:
    file = File(folder / "a.txt")
    assert file.download(tmp_path / "x" / "y.txt").read_text() == "eins"
    assert file.download(tmp_path) == tmp_path / "a.txt"


def test_a_directory_has_its_files_sorted_also_those_further_down(folder: Path) -> None:
    assert Dir(folder).names() == ["a.txt", "b.txt", "sub/c.txt"]
    assert [file.read_text() for file in Dir(folder).files()] == ["eins", "zwei ü", "drei"]


def test_a_directory_is_downloaded_with_all_its_files(folder: Path, tmp_path: Path) -> None:
    copy = Dir(folder).download(tmp_path / "copy")
    assert Dir(copy).names() == Dir(folder).names()
    assert (copy / "sub" / "c.txt").read_text() == "drei"


def test_the_error_for_a_directory_that_is_not_there_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        Dir(tmp_path / "missing").names()


# URLs


def test_a_file_of_a_url_is_read_and_written(remote: str) -> None:
    assert File(f"{remote}/b.txt").read_text() == "zwei ü"
    with File(f"{remote}/new.txt").open("w") as opened:
        opened.write("ü")
    assert File(f"{remote}/new.txt").read_text() == "ü"


def test_exists_asks_the_file_system_of_a_url(remote: str) -> None:
    assert File(f"{remote}/a.txt").exists()
    assert not File(f"{remote}/x.txt").exists()
    assert Dir(f"{remote}/sub").exists()
    assert not Dir(f"{remote}/a.txt").exists()


def test_a_directory_of_a_url_has_its_files(remote: str) -> None:
    assert [file.path for file in Dir(remote).files()] == [
        "memory://data/a.txt",
        "memory://data/b.txt",
        "memory://data/sub/c.txt",
    ]


def test_what_a_url_names_is_downloaded(remote: str, tmp_path: Path) -> None:
    assert File(f"{remote}/a.txt").download(tmp_path / "x").read_text() == "eins"
    assert (Dir(remote).download(tmp_path / "all") / "sub" / "c.txt").read_text() == "drei"


def test_the_error_for_a_directory_that_a_url_does_not_have_names_it(remote: str) -> None:
    with pytest.raises(FileNotFoundError, match="memory://data/missing"):
        Dir(f"{remote}/missing").names()


def test_a_url_is_no_path_on_this_machine() -> None:
    with pytest.raises(FieldError, match=r"path='s3://b/k'.*download\(\)"):
        Path(File("s3://b/k"))


def test_a_protocol_that_nobody_knows_is_an_error_that_names_the_url() -> None:
    with pytest.raises(FieldError, match=r"path='nope://x'.*Protocol not known: nope"):
        File("nope://x").exists()


def test_a_file_system_that_is_not_installed_is_an_error_that_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError, match=r"'s3://b/k' needs 's3'.*s3fs"):
        File("s3://b/k").exists()


def test_without_fsspec_a_url_is_an_error_that_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from tasksmithy.values._files import File\n"
        "try: File('s3://b/k').exists()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "'s3://b/k' needs 'fsspec', which is not installed: pip install \"tasksmithy[fsspec]\"\n"
    )


# Text and JSON


@pytest.mark.parametrize("text", ["data.csv", "123", "true", "s3://b/k", "a b/ü.csv"])
def test_text_of_a_command_line_becomes_a_file(text: str) -> None:
    assert from_text("t", "file", File, text) == File(text)
    assert from_text("t", "folder", Dir, text) == Dir(text)


def test_empty_text_is_no_file() -> None:
    with pytest.raises(InputError, match="input 'file'"):
        from_text("t", "file", File, "")


def test_json_has_a_file_as_its_path() -> None:
    assert from_json("t", "file", File, "a.csv") == File("a.csv")
    assert from_json("t", "files", list[File], ["a.csv"]) == [File("a.csv")]
    assert to_jsonable(list[File], [File("a.csv")]) == ["a.csv"]


def test_a_number_in_json_is_no_file() -> None:
    with pytest.raises(InputError, match="input 'file'"):
        from_json("t", "file", File, 3)


def test_a_string_given_to_a_task_is_no_file() -> None:
    interface = NativeInterface.from_types({"files": list[File]})
    check_inputs(SimpleNamespace(name="t", interface=interface), {"files": [File("a")]})
    with pytest.raises(InputError, match="files"):
        check_inputs(SimpleNamespace(name="t", interface=interface), {"files": ["a"]})


def test_a_model_takes_a_path_for_a_file() -> None:
    class Job(BaseModel):
        data: File
        out: Dir

    job = Job.model_validate({"data": Path("a"), "out": "b"})
    assert (job.data, job.out) == (File("a"), Dir("b"))
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert Job.model_validate(job.model_dump()) == job


def test_a_directory_is_no_file_for_a_model() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(File).validate_python(Dir("a"))


# In a cache


def test_a_file_and_a_directory_come_back_as_their_paths(folder: Path, remote: str) -> None:
    places = [File(folder / "a.txt"), Dir(folder), File(f"{remote}/a.txt"), Dir(remote)]
    assert decode(encode(places)) == places


@pytest.mark.parametrize("kind", [File, Dir])
def test_a_place_with_another_content_does_not_come_back(folder: Path, kind: Any) -> None:
    place = kind(folder / "a.txt") if kind is File else kind(folder)
    encoded = encode({"inside": [place]}, dict[str, list[kind]])
    content = (folder / "a.txt").read_text()
    (folder / "a.txt").write_text(content.swapcase())  # of the same size, at the same time
    with pytest.raises(ValueEncodingError, match="has been changed since"):
        decode(encoded, dict[str, list[kind]])
    (folder / "a.txt").write_text(content)
    assert decode(encoded, dict[str, list[kind]]) == {"inside": [place]}


@pytest.mark.parametrize("change", ["written", "removed"])
def test_a_remote_file_that_has_changed_does_not_come_back(remote: str, change: str) -> None:
    file = File(f"{remote}/a.txt")
    encoded = encode(file, File)
    if change == "written":
        with file.open("wb") as opened:
            opened.write(b"another content")
    else:
        fsspec.filesystem("memory").rm("/data/a.txt")
    with pytest.raises(ValueEncodingError, match=r"changed since|not there any more"):
        decode(encoded, File)


def test_a_file_that_was_not_there_does_not_come_back() -> None:
    for file in (File("nowhere"), Dir("s3://b/k")):
        with pytest.raises(ValueEncodingError, match="is not there any more"):
            decode(encode([file]))


def test_files_of_the_same_name_and_content_have_the_same_digest(folder: Path) -> None:
    (folder / "copies").mkdir()
    copy = File(folder / "a.txt").download(folder / "copies")
    assert digest(File(copy)) == digest(File(folder / "a.txt")) != digest(File(folder / "b.txt"))


def test_a_file_of_another_name_has_another_digest(folder: Path) -> None:
    copy = File(folder / "a.txt").download(folder / "copy.txt")
    assert digest(File(copy)) != digest(File(folder / "a.txt"))


def test_a_file_that_was_written_again_has_another_digest(folder: Path) -> None:
    file = File(folder / "a.txt")
    before = digest(file)
    (folder / "a.txt").write_text("EINS")
    assert digest(file) != before


def test_directories_of_the_same_files_have_the_same_digest(folder: Path, tmp_path: Path) -> None:
    copy = Dir(Dir(folder).download(tmp_path / "copy"))
    assert digest(copy) == digest(Dir(folder))


def test_a_file_that_was_renamed_changes_the_digest_of_its_directory(folder: Path) -> None:
    before = digest(Dir(folder))
    (folder / "sub" / "c.txt").rename(folder / "c.txt")
    assert digest(Dir(folder)) != before


def test_a_file_and_its_url_have_the_same_digest(folder: Path, remote: str) -> None:
    assert digest(Dir(remote)) == digest(Dir(folder))


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(ValueEncodingError, match=r"at \['f'\], is File.*missing.*cannot be read"):
        digest({"f": File(tmp_path / "missing")})


# What is no file, and what leads elsewhere


def test_a_pipe_is_never_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe")
    for place in (Dir(folder), File(folder / "pipe")):
        with pytest.raises(OSError, match="a pipe or a device, and no file"):
            place.download(tmp_path / "copy")
        with pytest.raises(ValueEncodingError, match=r"cannot be read.*no file"):
            digest(place)
        with pytest.raises(ValueEncodingError):
            decode(encode(place, type(place)), type(place))


@pytest.mark.parametrize("leads_to", ["/etc/passwd", "../outside", "sub/../../outside"])
def test_a_link_out_of_a_directory_is_followed_by_nobody(
    folder: Path, tmp_path: Path, leads_to: str
) -> None:
    (tmp_path / "outside").write_text("not yours")
    (folder / "link").symlink_to(leads_to)
    assert "link" in Dir(folder).names()
    with pytest.raises(OSError, match="a link that leads out of its directory"):
        Dir(folder).download(tmp_path / "copy")
    with pytest.raises(ValueEncodingError, match="leads out of its directory"):
        digest(Dir(folder))


def test_a_link_inside_a_directory_is_the_file_that_it_leads_to(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "sub" / "link").symlink_to("../a.txt")
    assert Dir(Dir(folder).download(tmp_path / "copy")).file("sub/link").read_text() == "eins"


def test_a_directory_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert digest(Dir(tmp_path / "link")) == digest(Dir(folder))


def test_a_directory_may_be_deeper_than_a_stack(tmp_path: Path) -> None:
    deep = tmp_path.joinpath("top", *["d"] * 1_500)
    folders = [deep, *deep.parents[:1_500]]  # what cleans up after tests has a stack, too
    try:
        for folder in reversed(folders):
            folder.mkdir()
        (deep / "f").touch()
        assert Dir(tmp_path).names() == ["top/" + "d/" * 1_500 + "f"]
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "top"], check=True)


@pytest.mark.parametrize("kind", [File, Dir])
def test_a_file_may_say_what_is_in_it(kind: Any) -> None:
    assert kind[list[int]] is kind
    check_inputs(
        SimpleNamespace(name="t", interface=NativeInterface.from_types({"f": kind[str]})),
        {"f": kind("a.csv")},
    )
