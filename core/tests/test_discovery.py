"""What discovery finds, one rule a test; where importlib_metadata answers, it is the reference."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import importlib_metadata
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasksmithy.plugins import _discovery as discovery
from tasksmithy.plugins._discovery import (
    EXECUTORS,
    POLICIES,
    RENDERERS,
    TASK_TYPES,
    PluginRecord,
    discover,
)

ENTRY = "[tasksmithy.task_types.v1]\nsql = demo_sql:SQLTaskType\n"


def install(
    site: Path,
    directory: str = "demo_sql-1.0.dist-info",
    entry_points: str | bytes | None = ENTRY,
    metadata_file: str | None = "METADATA",
    version: str = "1.0",
) -> Path:
    """A distribution's metadata directory as an installer leaves it in `site`."""
    info = site / directory
    info.mkdir(parents=True)
    if metadata_file:
        name = directory.partition("-")[0].removesuffix(".egg-info")
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: none\n"
        (info / metadata_file).write_text(text)
    if entry_points is not None:
        content = entry_points.encode() if isinstance(entry_points, str) else entry_points
        (info / "entry_points.txt").write_bytes(content)
    return info


def found(*path: Path) -> list[PluginRecord]:
    return discover(map(str, path))


def versions(*path: Path) -> list[str]:
    return [record.version for record in found(*path)]


def lines(site: Path, entry_points: str | bytes) -> list[tuple[str, str]]:
    """Names and values that are found in one entry_points.txt."""
    install(site, entry_points=entry_points)
    return [(record.name, record.value) for record in found(site)]


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[PluginRecord]]:
    """What importlib_metadata finds along a path."""

    def entry_points(*path: Path) -> list[PluginRecord]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [*map(str, path), *sys.path])
            return importlib_metadata_records()

    return entry_points


def importlib_metadata_records() -> list[PluginRecord]:
    return [
        PluginRecord(
            point.group,
            point.name,
            point.value,
            discovery.normalised(point.dist.name),
            point.dist.version,
        )
        for point in importlib_metadata.entry_points()
        if point.group.startswith("tasksmithy.")
        and point.dist is not None
        # Those of this project are installed where the tests run; no test makes one of their names.
        and not point.dist.name.startswith("tasksmithy")
    ]


# What a record says.


def test_a_record_names_group_entry_point_distribution_and_version(tmp_path: Path) -> None:
    install(tmp_path)
    assert found(tmp_path) == [
        PluginRecord(TASK_TYPES, "sql", "demo_sql:SQLTaskType", "demo-sql", "1.0")
    ]


@pytest.mark.parametrize("name", ["Demo.SQL", "demo__sql", "DEMO_SQL", "demo_._sql"])
def test_the_distribution_name_is_normalised(tmp_path: Path, name: str) -> None:
    install(tmp_path, f"{name}-1.0.dist-info")
    assert [record.distribution for record in found(tmp_path)] == ["demo-sql"]


def test_of_two_versions_in_one_folder_both_are_told(tmp_path: Path) -> None:
    install(tmp_path, "demo_sql-1.0.dist-info")
    install(tmp_path, "Demo.SQL-2.0.dist-info")
    assert {(each.distribution, each.version) for each in found(tmp_path)} == {
        ("demo-sql", "1.0"),
        ("demo-sql", "2.0"),
    }


def test_a_version_that_is_there_twice_is_told_once(tmp_path: Path) -> None:
    install(tmp_path, "demo_sql-1.0.dist-info")
    install(tmp_path, "demo_sql-1.0.egg-info", metadata_file="PKG-INFO")
    assert [each.version for each in found(tmp_path, tmp_path)] == ["1.0"]


def test_every_group_of_tasksmithy_is_read_and_no_other(tmp_path: Path) -> None:
    groups = [TASK_TYPES, POLICIES, EXECUTORS, RENDERERS]
    text = "".join(f"[{group}]\nx = a:b\n" for group in [*groups, "console_scripts", "tasksmithyx"])
    install(tmp_path, entry_points=text)
    assert [record.group for record in found(tmp_path)] == groups
    assert all(record.is_current for record in found(tmp_path))


def test_a_plugin_for_another_api_major_is_found_and_told_apart(tmp_path: Path) -> None:
    install(tmp_path, entry_points="[tasksmithy.task_types.v2]\nsql = demo_sql:T\n")
    (record,) = found(tmp_path)
    assert (record.group, record.kind) == ("tasksmithy.task_types.v2", "task_types")
    assert not record.is_current


def test_the_plugin_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo_sql.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path)
    assert [record.name for record in found(tmp_path)] == ["sql"]
    assert "demo_sql" not in sys.modules


# Where the version is from.


def test_the_version_of_a_dist_info_is_in_its_name_and_no_metadata_is_read(tmp_path: Path) -> None:
    install(tmp_path, "demo_sql-1!2.0+local.1.dist-info", metadata_file=None)
    assert versions(tmp_path) == ["1!2.0+local.1"]


@pytest.mark.parametrize(
    "directory", ["demo_sql.egg-info", "demo-sql-2.0-py3.11.egg-info", "demo_sql.dist-info"]
)
@pytest.mark.parametrize("metadata_file", ["METADATA", "PKG-INFO"])
def test_a_name_without_a_plain_version_leaves_it_to_the_metadata(
    tmp_path: Path, directory: str, metadata_file: str
) -> None:
    install(tmp_path, directory, metadata_file=metadata_file, version="2.0")
    assert versions(tmp_path) == ["2.0"]


def test_a_version_that_is_nowhere_is_empty(tmp_path: Path) -> None:
    install(tmp_path, "demo_sql.egg-info", metadata_file=None)
    assert versions(tmp_path) == [""]


# Which distribution counts.


def test_the_first_distribution_of_a_name_on_the_path_counts(tmp_path: Path) -> None:
    install(tmp_path / "a", "demo_sql-1.0.dist-info")
    install(tmp_path / "b", "Demo.Sql-2.0.dist-info")
    assert versions(tmp_path / "a", tmp_path / "b") == ["1.0"]
    assert versions(tmp_path / "b", tmp_path / "a") == ["2.0"]


def test_a_distribution_without_entry_points_hides_a_later_one_with_them(tmp_path: Path) -> None:
    install(tmp_path / "a", entry_points=None)
    install(tmp_path / "b", "demo_sql.egg-info", metadata_file="PKG-INFO")
    assert found(tmp_path / "a", tmp_path / "b") == []


def test_an_egg_info_that_is_a_file_hides_a_later_distribution(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "demo_sql-0.9-py3.11.egg-info").write_text("Name: demo-sql\nVersion: 0.9\n")
    install(tmp_path / "b")
    assert found(tmp_path / "a", tmp_path / "b") == []


# importlib_metadata has the next rule too, but not yet in the oldest release that is supported;
# the differential test holds discovery against the newest one.


def test_what_an_interrupted_uninstall_leaves_hides_nothing(tmp_path: Path) -> None:
    install(tmp_path / "a", entry_points=None, metadata_file=None)
    install(tmp_path / "b", "demo_sql-2.0.dist-info")
    assert versions(tmp_path / "a", tmp_path / "b") == ["2.0"]


@pytest.mark.parametrize("sign", "-~.=%_!+ ")
def test_what_a_killed_upgrade_leaves_is_no_distribution(tmp_path: Path, sign: str) -> None:
    install(tmp_path, f"{sign}emo_sql-1.0.dist-info")
    install(tmp_path, "demo_sql-2.0.dist-info")
    assert [(each.distribution, each.version) for each in found(tmp_path)] == [("demo-sql", "2.0")]


def test_of_distributions_without_metadata_the_first_counts(tmp_path: Path) -> None:
    install(tmp_path / "a", metadata_file=None)
    install(tmp_path / "b", "demo_sql-2.0.dist-info", metadata_file=None)
    assert versions(tmp_path / "a", tmp_path / "b") == ["1.0"]


def test_two_distributions_with_one_entry_point_name_are_both_found_in_path_order(
    tmp_path: Path,
) -> None:
    install(tmp_path / "b", "zz_sql-1.0.dist-info")
    install(tmp_path / "a", "aa_sql-1.0.dist-info")
    records = found(tmp_path / "b", tmp_path / "a")
    assert [record.distribution for record in records] == ["zz-sql", "aa-sql"]


def test_without_a_path_sys_path_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [record.name for record in discover()] == ["sql"]
    assert discover([]) == []


def test_an_empty_path_entry_is_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [record.name for record in discover([""])] == ["sql"]


def test_a_change_on_disk_is_seen_at_once(tmp_path: Path) -> None:
    info = install(tmp_path)
    assert len(found(tmp_path)) == 1
    (info / "entry_points.txt").write_text(ENTRY + "sql2 = demo_sql:Other\n")
    assert len(found(tmp_path)) == 2


# What a line may look like.


def test_comments_blank_lines_and_space_around_a_line_are_no_matter(tmp_path: Path) -> None:
    text = "# c\n\n  [tasksmithy.policies.v1] \n\t# c = d\n\n audit  =  demo : Audit [a, b] \n"
    assert lines(tmp_path, text) == [("audit", "demo : Audit [a, b]")]


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_any_newline_ends_a_line(tmp_path: Path, newline: str) -> None:
    assert lines(tmp_path, ENTRY.replace("\n", newline)) == [("sql", "demo_sql:SQLTaskType")]


def test_only_the_first_equals_sign_divides(tmp_path: Path) -> None:
    assert lines(tmp_path, "[tasksmithy.policies.v1]\na = b = c\n") == [("a", "b = c")]


def test_a_malformed_line_becomes_a_record_without_a_value(tmp_path: Path) -> None:
    assert lines(tmp_path, ENTRY + "what is this\nx = a:b\n") == [
        ("sql", "demo_sql:SQLTaskType"),
        ("what is this", ""),
        ("x", "a:b"),
    ]


def test_a_malformed_line_in_another_group_is_no_matter(tmp_path: Path) -> None:
    text = "[console_scripts]\nwhat is this\n" + ENTRY
    assert lines(tmp_path, text) == [("sql", "demo_sql:SQLTaskType")]


def test_bytes_that_are_not_utf_8_lose_no_line(tmp_path: Path) -> None:
    content = b"# caf\xe9\n" + ENTRY.encode()
    assert lines(tmp_path, content) == [("sql", "demo_sql:SQLTaskType")]


def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    text = "[console_scripts]\n" + "x = a:b\n" * 50_000 + ENTRY
    assert lines(tmp_path, text) == [("sql", "demo_sql:SQLTaskType")]


HEADERS = [
    "[tasksmithy.task_types.v1]",
    "  [[tasksmithy.policies.v1]] ",
    "[ tasksmithy.policies.v1 ]",
    "[Tasksmithy.task_types.v1]",
    "\ufeff[tasksmithy.executors.v1]",
    "[console_scripts]",
    "[]",
]
ENTRIES = ["a = m:o [extra]", "tasksmithy.a=b=c", " = x", "x =", "[a = b", "#a = b", "#", "  "]
LINES = st.lists(
    st.sampled_from(HEADERS)
    | st.sampled_from(ENTRIES)
    | st.tuples(st.text(), st.text()).map(" = ".join),
    min_size=1,
)


def content(lines: Iterable[str], newline: str) -> bytes:
    return newline.join(lines).encode(errors="replace")


FILES = st.builds(content, LINES, st.sampled_from(["\n", "\r\n", "\r", "\x0c", "\u2028"]))


@given(file=FILES)
@settings(max_examples=300, deadline=None)
def test_any_file_reads_as_importlib_metadata_reads_it(file: bytes) -> None:
    with tempfile.TemporaryDirectory() as site, pytest.MonkeyPatch.context() as patch:
        install(Path(site), entry_points=file)
        patch.setattr(sys, "path", [site, *sys.path])
        try:
            reference = importlib_metadata_records()
        except TypeError:  # a line without "=", which costs importlib_metadata all files
            reference = None
        mine = [record for record in discover() if not record.distribution.startswith("tasksmithy")]
        assert reference is None or sorted(mine) == sorted(reference)


@given(st.binary() | st.tuples(FILES, st.binary()).map(b"".join))
@settings(deadline=None)
def test_no_content_of_a_file_costs_another_plugin(file: bytes) -> None:
    with tempfile.TemporaryDirectory() as site:
        install(Path(site), "other-1.0.dist-info", entry_points=file)
        install(Path(site))
        names = [record.name for record in found(Path(site)) if record.distribution == "demo-sql"]
        assert names == ["sql"]


# What cannot be read, and what is no directory.


def test_a_path_entry_that_is_missing_or_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    install(tmp_path / "site")
    path = [tmp_path / "missing", tmp_path / "missing.egg", loop, Path("a\0b"), tmp_path / "site"]
    assert len(found(*path)) == 1


def test_an_entry_points_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path)
    (install(tmp_path, "b-1.0.dist-info", None) / "entry_points.txt").mkdir()
    loop = install(tmp_path, "c-1.0.dist-info", None) / "entry_points.txt"
    loop.symlink_to(loop)
    assert [record.distribution for record in found(tmp_path)] == ["demo-sql"]


def zipped(archive: Path, *sites: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for site in sites:
            for child in sorted(site.rglob("*")):
                file.write(child, child.relative_to(site))
    return archive


def test_a_zipped_distribution_is_found_and_can_hide_another(
    tmp_path: Path, reference: Callable[..., list[PluginRecord]]
) -> None:
    install(tmp_path / "a", "demo_sql-3.0.dist-info", version="3.0")
    install(tmp_path / "b")
    path = zipped(tmp_path / "demo.whl", tmp_path / "a"), tmp_path / "b"
    assert versions(*path) == ["3.0"]
    assert found(*path) == reference(*path)


def test_a_malformed_line_in_an_archive_becomes_a_record_without_a_value(tmp_path: Path) -> None:
    install(tmp_path / "a", entry_points=ENTRY + "what is this\n")
    archive = zipped(tmp_path / "demo.whl", tmp_path / "a")
    assert [record.value for record in found(archive)] == ["demo_sql:SQLTaskType", ""]


def test_an_archive_without_metadata_costs_no_other_plugin(tmp_path: Path) -> None:
    install(tmp_path / "a", metadata_file=None)
    install(tmp_path / "b", "demo_sql-2.0.dist-info", version="2.0")
    assert versions(zipped(tmp_path / "demo.zip", tmp_path / "a"), tmp_path / "b") == ["", "2.0"]


def test_a_file_that_is_no_archive_or_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    install(tmp_path / "a")
    damaged = zipped(tmp_path / "damaged.zip", tmp_path / "a")
    damaged.write_bytes(damaged.read_bytes().replace(b"demo_sql:SQLTaskType", b"x" * 20))
    install(tmp_path / "b", "other-1.0.dist-info")
    records = found(tmp_path / "text.zip", damaged, tmp_path / "b")
    assert [record.distribution for record in records] == ["other"]


def test_an_egg_directory_is_read(
    tmp_path: Path, reference: Callable[..., list[PluginRecord]]
) -> None:
    egg = tmp_path / "demo_sql-1.0-py3.11.egg"
    info = install(egg, "EGG-INFO", metadata_file=None)
    (info / "PKG-INFO").write_text("Name: demo-sql\nVersion: 1.0\n")
    assert [record.distribution for record in found(egg)] == ["demo-sql"]
    assert found(egg) == reference(egg)


def test_an_egg_directory_without_a_name_costs_no_other_plugin(tmp_path: Path) -> None:
    egg = tmp_path / "x.egg"
    install(egg, "EGG-INFO", metadata_file=None)
    install(tmp_path / "site", "other-1.0.dist-info")
    assert [record.distribution for record in found(egg, tmp_path / "site")] == ["", "other"]


# Other finders.


class Finder:
    """An import finder that brings distributions of its own, as an embedding application may."""

    def __init__(self, distribution: metadata.Distribution) -> None:
        self.distribution = distribution

    def find_spec(self, *args: object) -> None:
        return None

    def find_distributions(
        self, context: metadata.DistributionFinder.Context
    ) -> Iterable[metadata.Distribution]:
        return [self.distribution]


class Embedded(metadata.Distribution):
    texts: ClassVar[dict[str, str]] = {
        "METADATA": "Name: Demo_SQL\nVersion: 5.0\n",
        "entry_points.txt": "[console_scripts]\nx = a:b\n" + ENTRY,
    }

    def read_text(self, filename: str) -> str | None:
        return self.texts.get(filename)

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


@pytest.mark.parametrize("position", [0, 100])
def test_a_finder_with_distributions_is_asked_at_its_place_in_the_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: Callable[..., list[PluginRecord]],
    position: int,
) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    sys.meta_path.insert(position, Finder(Embedded()))
    install(tmp_path)
    assert versions(tmp_path) == ["5.0" if position == 0 else "1.0"]
    assert found(tmp_path) == reference(tmp_path)


def test_a_finder_is_asked_at_the_same_place_if_importlib_metadata_is_not_yet_imported(
    tmp_path: Path,
) -> None:
    install(tmp_path)
    (tmp_path / "finder.py").write_text(
        dedent("""
        from importlib import metadata

        class Embedded(metadata.Distribution):
            name, version = "demo-sql", "5.0"
            def read_text(self, filename):
                return "[tasksmithy.task_types.v1]\\nsql = a:b\\n"
            def locate_file(self, path):
                raise NotImplementedError

        class Finder:
            def find_spec(*arguments):
                return None
            def find_distributions(context):
                return [Embedded()]
        """)
    )
    code = """
        from finder import Finder
        from tasksmithy.plugins._discovery import discover
        sys.meta_path.append(Finder)
        first = [record.version for record in discover() if record.distribution == "demo-sql"]
        import importlib_metadata
        print(first, importlib_metadata.version("demo-sql"))
    """
    assert run(code, tmp_path) == "['5.0'] 5.0"


def test_a_distribution_of_a_finder_without_metadata_gives_way_to_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WithoutMetadata(Embedded):
        name = "demo-sql"
        version = "5.0"
        texts: ClassVar[dict[str, str]] = {"entry_points.txt": ENTRY}

    monkeypatch.setattr(sys, "meta_path", [Finder(WithoutMetadata()), *sys.meta_path])
    assert versions() == ["5.0"]
    install(tmp_path)
    assert versions(tmp_path) == ["1.0"]


def test_an_error_of_a_finder_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Finder):
        def find_distributions(self, context: object) -> Iterable[metadata.Distribution]:
            raise LookupError("database is gone")

    monkeypatch.setattr(sys, "meta_path", [Broken(Embedded()), *sys.meta_path])
    with pytest.raises(LookupError, match="database is gone"):
        discover()


# What it costs.


def run(code: str, *path: Path) -> str:
    """What `code` prints in a fresh process whose path begins with the core's source and `path`."""
    source = Path(discovery.__file__).parents[1]
    start = f"import sys\nsys.path[:0] = {[str(source), *map(str, path)]!r}\n"
    command = [sys.executable, "-c", start + dedent(code)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


HEAVY = {"importlib.metadata", "importlib_metadata", "email", "pydantic", "asyncio", "zipfile"}


def test_neither_import_nor_discovery_in_directories_loads_a_metadata_library(
    tmp_path: Path,
) -> None:
    install(tmp_path)
    code = f"""
        before = set(sys.modules)
        import tasksmithy.plugins._discovery
        print(sorted({HEAVY!r} & (set(sys.modules) - before)))
        sys.path.append({str(tmp_path / "missing.zip")!r})
        discover = tasksmithy.plugins._discovery.discover
        print([record.name for record in discover({[str(tmp_path)]!r})])
        print(sorted({HEAVY!r} & (set(sys.modules) - before)))
    """
    assert run(code, tmp_path).splitlines() == ["[]", "['sql']", "[]"]


def test_the_answer_is_the_same_before_and_after_importlib_metadata_is_imported(
    tmp_path: Path,
) -> None:
    install(tmp_path / "a")
    install(tmp_path / "b", "demo_sql-2.0.dist-info", version="2.0")
    code = """
        from tasksmithy.plugins._discovery import discover
        first = discover()
        import importlib_metadata
        assert discover() == first
        print([record.version for record in first if record.distribution == "demo-sql"])
    """
    assert run(code, tmp_path / "a", tmp_path / "b") == "['1.0']"
