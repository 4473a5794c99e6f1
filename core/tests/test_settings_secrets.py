"""The settings that say where secrets are."""

from pathlib import Path

import pytest

from tasksmithy import Settings, SettingsError


def write(folder: Path, line: str) -> Path:
    file = folder / "pyproject.toml"
    file.write_text(f"[tool.tasksmithy]\n{line}\n")
    return file


def load(folder: Path, **environ: str) -> Settings:
    return Settings.load(environ, str(folder))


def test_secrets_are_in_the_working_directorys_dotenv_file_where_nothing_is_set(
    tmp_path: Path,
) -> None:
    settings = load(tmp_path)
    assert (settings.secrets_files, settings.secrets_dir) == ((".env",), None)


def test_files_are_relative_to_the_folder_of_the_table(tmp_path: Path) -> None:
    write(tmp_path, 'secrets_files = [".env", "/etc/app.env"]')
    (tmp_path / "below").mkdir()
    settings = load(tmp_path / "below")
    assert settings.secrets_files == (f"{tmp_path}/.env", "/etc/app.env")


def test_no_files_are_a_choice(tmp_path: Path) -> None:
    write(tmp_path, "secrets_files = []")
    assert load(tmp_path).secrets_files == ()


def test_the_directory_is_relative_to_the_folder_of_the_table(tmp_path: Path) -> None:
    write(tmp_path, 'secrets_dir = "secrets"')
    (tmp_path / "below").mkdir()
    assert load(tmp_path / "below").secrets_dir == f"{tmp_path}/secrets"


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    write(tmp_path, 'secrets_dir = "~/secrets"\nsecrets_files = ["~/.env"]')
    settings = load(tmp_path)
    assert settings.secrets_dir == "/home/ada/secrets"
    assert settings.secrets_files == ("/home/ada/.env",)


def test_the_variable_goes_before_the_table(tmp_path: Path) -> None:
    write(tmp_path, 'secrets_dir = "secrets"')
    assert load(tmp_path, TASKSMITHY_SECRETS_DIR="/run/secrets").secrets_dir == "/run/secrets"


def test_the_variable_is_relative_to_the_working_directory(tmp_path: Path) -> None:
    write(tmp_path, "")
    below = tmp_path / "below"
    below.mkdir()
    assert load(below, TASKSMITHY_SECRETS_DIR="secrets").secrets_dir == f"{below}/secrets"


def test_an_empty_variable_sets_nothing(tmp_path: Path) -> None:
    write(tmp_path, 'secrets_dir = "secrets"')
    assert load(tmp_path, TASKSMITHY_SECRETS_DIR="").secrets_dir == f"{tmp_path}/secrets"


@pytest.mark.parametrize("value", ['".env"', "[1]", '[""]', "{a = 1}", "true"])
def test_files_that_are_no_list_of_paths_are_refused(tmp_path: Path, value: str) -> None:
    file = write(tmp_path, f"secrets_files = {value}")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file}: [tool.tasksmithy] secrets_files = ")
    assert message.endswith(
        'is not allowed: give a list of files, such as [".env"], or [] for none'
    )


@pytest.mark.parametrize("value", ['""', "1", '["secrets"]', "false"])
def test_a_directory_that_is_no_path_is_refused(tmp_path: Path, value: str) -> None:
    file = write(tmp_path, f"secrets_dir = {value}")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file}: [tool.tasksmithy] secrets_dir = ")
    assert message.endswith('is not allowed: give a directory, such as "~/secrets"')
