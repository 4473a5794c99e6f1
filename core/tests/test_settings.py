"""Settings: the variables of the environment, and the nearest `[tool.tasksmithy]`."""

import os
from pathlib import Path

import pytest

from tasksmithy.errors import SettingsError
from tasksmithy.plugins._settings import Settings


def write(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "pyproject.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def load(folder: Path, **environ: str) -> Settings:
    return Settings.load(environ, str(folder))


def problem(folder: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, **environ)
    return str(caught.value)


# The environment


def test_without_variables_and_a_table_nothing_is_decided(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()
    assert not Settings().disables("sql", "tasksmithy-sql")


@pytest.mark.parametrize("text", ["1", "true", "True", "__all__", " 1 "])
def test_every_plugin_can_be_switched_off(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, TASKSMITHY_DISABLE_PLUGINS=text)
    assert settings.disables("sql", "tasksmithy-sql")
    assert settings.disables("python", "tasksmithy-function")


@pytest.mark.parametrize("text", ["sql", "tasksmithy-sql", "other,sql", " other , sql ,"])
def test_plugins_are_switched_off_by_their_name_or_distribution(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, TASKSMITHY_DISABLE_PLUGINS=text)
    assert settings.disables("sql", "tasksmithy-sql")
    assert not settings.disables("python", "tasksmithy-function")


@pytest.mark.parametrize("text", ["Acme.SQL", "acme_sql", "ACME--sql"])
def test_a_distribution_is_switched_off_however_its_name_is_written(
    tmp_path: Path, text: str
) -> None:
    settings = load(tmp_path, TASKSMITHY_DISABLE_PLUGINS=text)
    assert settings.disables("sql", "acme-sql")


@pytest.mark.parametrize("text", ["", " ", ","])
def test_an_empty_list_switches_nothing_off(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, TASKSMITHY_DISABLE_PLUGINS=text).disabled == frozenset()


@pytest.mark.parametrize(
    ("text", "strict"),
    [("1", True), ("true", True), ("TRUE", True), ("0", False), ("false", False), ("", False)],
)
def test_strict_is_a_switch(tmp_path: Path, text: str, strict: bool) -> None:
    assert load(tmp_path, TASKSMITHY_STRICT=text).strict is strict


def test_a_switch_that_is_neither_on_nor_off_is_refused(tmp_path: Path) -> None:
    message = problem(tmp_path, TASKSMITHY_STRICT="maybe")
    assert message == "TASKSMITHY_STRICT='maybe' is not allowed: give 1 or 0"


def test_the_variables_of_the_process_and_its_folder_are_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["ours"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASKSMITHY_DISABLE_PLUGINS", "sql")
    monkeypatch.setenv("TASKSMITHY_STRICT", "1")
    loaded = Settings.load()
    assert loaded.policies == ("ours",)
    assert loaded.disabled == {"sql"}
    assert loaded.strict


# The table


def test_the_table_says_what_is_preferred_and_which_policies_are_enabled(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [tool.tasksmithy]
        prefer = {sql = "tasksmithy-sql"}
        policies = ["first", "second"]
        """,
    )
    settings = load(tmp_path)
    assert settings.prefer == {"sql": "tasksmithy-sql"}
    assert settings.policies == ("first", "second")


def test_the_nearest_table_above_the_folder_is_used(tmp_path: Path) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["far"]\n')
    write(tmp_path / "a", '[tool.tasksmithy]\npolicies = ["near"]\n')
    assert load(tmp_path / "a" / "b" / "c").policies == ("near",)
    assert load(tmp_path).policies == ("far",)


@pytest.mark.parametrize(
    "text",
    ["[project]\nname = 'x'\n", "[tool.other]\ntasksmithy = 1\n", "tool = 1  # tasksmithy\n", ""],
)
def test_a_file_without_the_table_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["far"]\n')
    write(tmp_path / "a", text)
    assert load(tmp_path / "a").policies == ("far",)


def test_an_empty_table_hides_the_one_above_it(tmp_path: Path) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["far"]\n')
    write(tmp_path / "a", "[tool.tasksmithy]\n")
    assert load(tmp_path / "a").policies == ()


def test_a_folder_in_the_place_of_the_file_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["far"]\n')
    (tmp_path / "a" / "pyproject.toml").mkdir(parents=True)
    assert load(tmp_path / "a").policies == ("far",)


def test_a_file_that_has_nothing_to_do_with_tasksmithy_may_be_broken(tmp_path: Path) -> None:
    write(tmp_path, "this is [no TOML")
    assert load(tmp_path) == Settings()


@pytest.mark.parametrize("text", ["[tool.tasksmithy\n", b"[tool.tasksmithy]\n# \xff\n"])
def test_a_file_that_is_no_toml_is_an_error_that_names_it(
    tmp_path: Path, text: str | bytes
) -> None:
    file = write(tmp_path, text)
    assert problem(tmp_path).startswith(f"{file} is not valid TOML: ")


def test_a_setting_in_the_place_of_the_table_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "[tool]\ntasksmithy = true\n")
    assert problem(tmp_path) == f"{file}: tool.tasksmithy is not a table"


def test_an_unknown_setting_is_refused_with_its_near_miss(tmp_path: Path) -> None:
    file = write(tmp_path, "[tool.tasksmithy]\npolices = []\n")
    assert problem(tmp_path) == (
        f"{file}: [tool.tasksmithy] has no setting 'polices'; did you mean 'policies'? "
        "(settings: executors, observers, policies, prefer, secrets_dir, secrets_files)"
    )


@pytest.mark.parametrize("key", ["policies", "observers"])
@pytest.mark.parametrize("value", ['"ours"', "[1]", '[["ours"]]', "{ours = true}", "true"])
def test_what_is_enabled_is_a_list_of_names(tmp_path: Path, key: str, value: str) -> None:
    file = write(tmp_path, f"[tool.tasksmithy]\n{key} = {value}\n")
    message = problem(tmp_path)
    assert message.startswith(f"{file}: [tool.tasksmithy] {key} = ")
    assert 'is not allowed: give a list of names, such as ["our-' in message


@pytest.mark.parametrize("value", ['"tasksmithy-sql"', "{sql = 1}", '["sql"]', "true"])
def test_preferences_are_a_table_of_names(tmp_path: Path, value: str) -> None:
    file = write(tmp_path, f"[tool.tasksmithy]\nprefer = {value}\n")
    message = problem(tmp_path)
    assert message.startswith(f"{file}: [tool.tasksmithy] prefer = ")
    assert message.endswith('such as {sql = "tasksmithy-sql"}')


# A file that is there and cannot be read may enable policies.


def test_a_file_that_is_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.symlink_to(file)
    assert problem(tmp_path) == (
        f"{file} cannot be read (Too many levels of symbolic links), and it may have the table "
        "[tool.tasksmithy]: make it readable, or take it away"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path, '[tool.tasksmithy]\npolicies = ["ours"]\n')
    file.chmod(0)
    assert "cannot be read (Permission denied)" in problem(tmp_path)


def test_a_file_in_the_folder_above_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "pyproject.toml").symlink_to("pyproject.toml")
    assert "cannot be read" in problem(tmp_path / "below")


def test_a_link_to_a_file_that_is_not_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").symlink_to(tmp_path / "gone.toml")
    assert load(tmp_path) == Settings()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_file_in_another_encoding_than_that_of_toml_is_an_error(
    tmp_path: Path, encoding: str
) -> None:
    write(tmp_path, '[tool.tasksmithy]\npolicies = ["ours"]\n'.encode(encoding))
    assert "is not valid TOML" in problem(tmp_path)


def test_a_preference_for_a_name_with_a_dot_is_written_in_quotes(tmp_path: Path) -> None:
    write(tmp_path, '[tool.tasksmithy]\nprefer = {acme.sql = "acme-sql"}\n')
    assert 'a name with a dot is in quotes: {"acme.sql" = "acme-sql"}' in problem(tmp_path)
    write(tmp_path, '[tool.tasksmithy]\nprefer = {"acme.sql" = "acme-sql"}\n')
    assert load(tmp_path).preferred("acme.sql") == "acme-sql"


def test_a_working_directory_that_is_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="the working directory is gone"):
        Settings.load()
