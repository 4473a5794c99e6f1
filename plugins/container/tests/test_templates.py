"""Templates: words, references to inputs, and what fills them."""

import pytest

from tasksmithy.errors import FieldError, InputError
from tasksmithy_container.templates import check_references, filled, split, words


def test_a_text_is_split_as_a_shell_would() -> None:
    assert split("command", r"""cp 'a b' "c d" e\ f""") == ("cp", "a b", "c d", "e f")


def test_a_text_is_not_run_by_a_shell() -> None:
    assert split("command", "echo $(id) > x; ls *") == ("echo", "$(id)", ">", "x;", "ls", "*")


def test_white_space_in_a_reference_splits_no_word() -> None:
    assert split("command", "echo {{ .inputs.x }}!") == ("echo", "{{.inputs.x}}!")


def test_an_open_quotation_is_refused() -> None:
    with pytest.raises(FieldError, match="No closing quotation"):
        split("command", "echo 'x")


@pytest.mark.parametrize("value", ["a text", None, 3, ["a", 3], ["a\0b"], {"a"}])
def test_words_are_strings_without_nul(value: object) -> None:
    with pytest.raises(FieldError):
        words("arguments", value)


@pytest.mark.parametrize(
    "template",
    ["{{.inputs.x}}", "{{ .inputs.x }}", "{{.inputs.x  }}", "{{.Inputs.x}}", "{{$inputs.x}}"],
)
def test_all_forms_of_a_reference_are_filled(template: str) -> None:
    assert filled("t", [f"<{template}>"], {"x": "1"}) == ["<1>"]


def test_both_forms_work_in_one_word() -> None:
    given = ["{{.inputs.x}}-{{ .inputs.y }}-{{.inputs.x}}"]
    assert filled("t", given, {"x": "1", "y": "2"}) == ["1-2-1"]


def test_what_an_input_brings_is_not_filled_again() -> None:
    texts = {"x": "{{.inputs.y}}", "y": "secret"}
    assert filled("t", ["{{.inputs.x}}"], texts) == ["{{.inputs.y}}"]


def test_other_marks_are_left_as_they_are() -> None:
    marks = "{{x}} {} {{.ID}} {{inputter}} {{ range .Items }}"
    check_references("command", [marks], {"x": int})
    assert filled("t", [marks], {}) == [marks]


@pytest.mark.parametrize(
    "near",
    [
        *("{{.input.x}}", "{{inputs.x}}", "{{ .inputs.x | json }}", "{{.inputs}}", "{{inputs}}"),
        *("{{.inputs x}}", "{{ $input.x }}", "{{.Input.x}}"),
    ],
)
def test_what_looks_like_a_reference_and_is_none_is_refused(near: str) -> None:
    with pytest.raises(FieldError, match=r"as \{\{\.inputs\.NAME\}\}"):
        check_references("command", [f"a {near} b"], {"x": int})


@pytest.mark.parametrize("template", ["{{.outputPrefix}}", "{{ .inputPrefix }}", "{{.input}}"])
def test_what_only_a_cluster_fills_in_is_refused_where_it_runs_here(template: str) -> None:
    check_references("command", [template], {})
    with pytest.raises(InputError, match="is a cluster's to fill in"):
        filled("t", [template], {})


def test_a_reference_to_no_input_is_refused_with_the_near_miss() -> None:
    with pytest.raises(FieldError, match=r"\{\{\.inputs\.mnth\}\}.*did you mean 'month'\?"):
        check_references("command", ["{{ .inputs.mnth }}"], {"month": int, "day": int})


def test_a_nul_for_a_command_line_is_refused_by_the_name_of_the_input() -> None:
    with pytest.raises(InputError, match="input 'x' has a NUL"):
        filled("t", ["{{.inputs.x}}"], {"x": "a\0b"})
