"""Masking: what was handed out is in no text that a run gives."""

from __future__ import annotations

import ast
import base64
import io
import json
import logging
import logging.handlers
import queue
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasksmithy import InputError, Secret
from tasksmithy._texts import shorten
from tasksmithy.runtime.secrets._masking import Masker, masking

VALUE = "s3cr3t/pass+word"
PEM = "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG\n9w0BAQEFAASCAUAwggE8\n-----END KEY-----\n"

secret_values = st.text(min_size=4, max_size=30).filter(lambda value: len(value.strip()) >= 4)


def masker(*values: str) -> Masker:
    made = Masker()
    made.add(values)
    return made


# Text


@given(st.lists(secret_values, min_size=1, max_size=4), st.data())
def test_a_value_never_occurs_in_masked_text(secrets: list[str], data: st.DataObject) -> None:
    # Parts of values beside whole ones make values that overlap, and values that arise anew.
    parts = st.one_of(
        st.sampled_from(secrets),
        st.sampled_from(secrets).flatmap(lambda s: st.integers(0, len(s)).map(lambda n: s[n:])),
        st.sampled_from(secrets).flatmap(lambda s: st.integers(0, len(s)).map(lambda n: s[:n])),
        st.text("*", max_size=5),
        st.text(max_size=5),
    )
    text = "".join(data.draw(st.lists(parts, max_size=8)))
    masked = masker(*secrets).mask(text)
    assert not any(secret in masked for secret in secrets)


@given(secret_values, st.text(), st.text())
def test_the_text_around_a_value_is_unchanged(secret: str, before: str, after: str) -> None:
    made = masker(secret)
    assume("|" not in secret)
    assume(made.mask(before) is before)
    assume(made.mask(after) is after)
    assert made.mask(f"{before}|{secret}|{after}") == f"{before}|***|{after}"


@given(st.text("abc \n*"), st.lists(st.text("xyz", min_size=4)))
def test_text_without_a_value_is_unchanged(text: str, secrets: list[str]) -> None:
    assert masker(*secrets).mask(text) is text


def test_a_masker_without_values_changes_nothing() -> None:
    assert Masker().mask(VALUE) == VALUE


def test_values_are_added_one_after_the_other() -> None:
    made = masker("first")
    made.add(["second"])
    assert made.mask("first second third") == "*** *** third"


def test_values_that_overlap_are_one_stretch() -> None:
    assert masker("abcd", "cdef").mask("-abcdef-") == "-***-"


def test_values_side_by_side_are_one_stretch() -> None:
    assert masker("abcd", "efgh").mask("-abcdefgh-") == "-***-"


def test_a_value_that_overlaps_itself_is_one_stretch() -> None:
    assert masker("abcab").mask("-abcabcab-") == "-***-"


def test_a_value_that_masking_makes_is_masked() -> None:
    assert masker("abcd", "x***y").mask("xabcdy") == "***"


@pytest.mark.parametrize("short", ["", "1", "no", "dev", " \n\t  ", " ab "])
def test_a_short_value_is_left_alone(short: str) -> None:
    text = f"a {short} b"
    assert masker(short).mask(text) is text


@pytest.mark.parametrize("kept", range(4, len(VALUE)))
def test_the_beginning_of_a_value_before_an_ellipsis_is_masked(kept: int) -> None:
    text = f"a='{VALUE[:kept]}…, b=1…"
    assert masker(VALUE).mask(text) == "a='***…, b=1…"


def test_an_escaped_value_that_is_cut_off_is_masked() -> None:
    secret = "pass\tword\néé-and-more"
    for limit in range(8, 20):
        assert "pass" not in masker(secret).mask(shorten(secret, limit))


@given(secret_values, st.text("ab…", max_size=5), st.integers(4, 30))
def test_of_a_shortened_value_three_characters_are_left_at_the_most(
    secret: str, before: str, kept: int
) -> None:
    masked = masker(secret).mask(f"{before}{secret[:kept]}…")
    assume("…" not in secret)
    assert not any(secret[:length] + "…" in masked for length in range(4, 31))


def test_what_stands_before_an_ellipsis_is_left_alone_if_it_begins_no_value() -> None:
    text = "to be continued… s3c… word…"
    assert masker(VALUE).mask(text) is text


def test_a_value_of_four_characters_is_masked() -> None:
    assert masker("1234").mask("pin 1234.") == "pin ***."


def test_a_value_is_masked_without_the_white_space_around_it() -> None:
    assert masker("s3cr3t\n").mask("<s3cr3t>") == "<***>"


@pytest.mark.parametrize("line", [line for line in PEM.splitlines() if line])
def test_a_line_of_a_value_is_masked(line: str) -> None:
    assert masker(PEM).mask(f"  | {line} |") == "  | *** |"


def test_a_short_line_of_a_value_is_no_secret() -> None:
    assert masker('{\n  "a": 1,\n  "key": "s3cr3t"\n}').mask('{\n"a": 1,\n}') == '{\n"a": 1,\n}'


@given(secret_values, st.text("'\"-", max_size=3), st.text("'\"-", max_size=3))
def test_a_value_is_masked_in_the_repr_of_what_holds_it(
    secret: str, before: str, after: str
) -> None:
    masked = masker(secret).mask(repr([f"{before}<{secret}>{after}"]))
    assert "***" in masked
    assert secret not in ast.literal_eval(masked)[0]


@pytest.mark.parametrize(
    "secret", ["it's a key", "it's a kéy", 'a "key"', 'it\'s a "key"', "a\\key\t\x00é\n€😀"]
)
@pytest.mark.parametrize("beside", ["", "'", '"', "'\""])
def test_a_value_is_masked_as_python_and_json_escape_it(secret: str, beside: str) -> None:
    made = masker(secret)
    whole = f"<{beside}{secret}>"
    texts = [repr(whole), ascii(whole), repr(whole.encode()), json.dumps(whole)]
    texts.append(json.dumps(whole, ensure_ascii=False))
    for text in texts:
        masked = made.mask(text)
        assert masked.endswith(f"***>{text[-1]}")
        assert "it" not in masked
        assert "key" not in masked


@pytest.mark.parametrize(
    "text",
    [
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus("a b" + VALUE),
        urlencode({"token": VALUE, "n": 1}),
        f"postgresql://user:{quote(VALUE, safe='')}@host/db",
    ],
)
def test_a_value_is_masked_as_urls_quote_it(text: str) -> None:
    masked = masker(VALUE).mask(text)
    assert "***" in masked
    assert "s3cr3t" not in masked


@given(st.binary(max_size=20), st.text(min_size=4), st.binary(max_size=20))
def test_a_value_is_masked_in_base64(before: bytes, secret: str, after: bytes) -> None:
    assume(len(secret.strip()) >= 4)
    text = base64.b64encode(before + secret.encode() + after).decode()
    masked = masker(secret).mask(text)
    hidden = len(text) - len(masked.replace("***", ""))
    # A character at each end also holds bits of what is beside the value.
    assert hidden >= len(secret.encode()) * 8 // 6 - 2


def test_a_value_is_masked_in_the_base64_of_urls() -> None:
    text = base64.urlsafe_b64encode("ÿÿÿÿ".encode()).decode()
    assert masker("ÿÿÿÿ").mask(text) == "***"


@given(st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF), min_size=4))
def test_a_value_that_is_no_unicode_is_masked(secret: str) -> None:
    assert masker(secret).mask(f"<{secret}>") == "<***>"


def test_the_repr_of_a_masker_shows_no_value() -> None:
    assert VALUE not in repr(masker(VALUE))


def test_threads_share_a_masker() -> None:
    made = Masker()
    names = [f"value-{number:03}" for number in range(200)]

    def add(some: list[str]) -> None:
        for name in some:
            made.add([name])
            assert made.mask(name) == "***"

    threads = [threading.Thread(target=add, args=(names[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.mask(" ".join(names)) == " ".join(["***"] * 200)


# Secrets that are handed out


def test_a_secret_that_is_handed_out_is_masked() -> None:
    made = Masker()
    made.hand_out("task", {Secret("token"): VALUE})
    assert made.mask(VALUE) == "***"


def test_a_secret_too_short_to_mask_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    made = Masker()
    for _ in range(2):
        made.hand_out("train", {Secret("pin"): "123", Secret("token"): VALUE})
    (message,) = caplog.messages
    assert "the secret 'pin' of task 'train' has fewer than 4 characters" in message


# Logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the root logger's handler writes, with the fields `token` and `stack_info`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(token)s", defaults={"token": ""}))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


logger = logging.getLogger("tests.masking")


class Holder:
    """Shows its value in its repr."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Holder({self.value!r})"


class Broken:
    """Has no text."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


def test_a_value_in_a_message_is_masked(written: io.StringIO) -> None:
    with masking() as made:
        made.add([VALUE])
        logger.warning(f"token {VALUE}")
    assert written.getvalue() == "token *** \n"


@pytest.mark.parametrize(
    "argument", [VALUE, Holder(VALUE), {"a": [VALUE]}, VALUE.encode(), ValueError(VALUE)]
)
def test_a_value_in_an_argument_is_masked(written: io.StringIO, argument: object) -> None:
    with masking() as made:
        made.add([VALUE])
        logger.warning("token %r", argument)
    assert "***" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_a_value_in_named_arguments_is_masked(written: io.StringIO) -> None:
    with masking() as made:
        made.add([VALUE])
        logger.warning("token %(token)s of %(owner)s", {"token": VALUE, "owner": "ada"})
    assert written.getvalue() == "token *** of ada \n"


def test_a_value_that_the_message_completes_is_masked(written: io.StringIO) -> None:
    with masking() as made:
        made.add(["pass-word"])
        logger.warning("token pass-%s", "word")
    assert written.getvalue() == "token *** \n"


def test_an_argument_that_the_message_does_not_show_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with masking() as made:
        made.add([VALUE])
        logger.warning("%.2s", VALUE)
        logger.warning("%(shown)s", {"shown": 1, "hidden": Holder(VALUE)})
    assert [record.args for record in caplog.records] == [
        ("***",),
        {"shown": 1, "hidden": "Holder('***')"},
    ]


def test_a_record_without_a_value_keeps_its_message_and_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    argument = Holder(1)
    with masking() as made:
        made.add([VALUE])
        logger.warning("%s and %d", argument, 2, extra={"other": argument})
    record = caplog.records[0]
    assert (record.msg, record.args) == ("%s and %d", (argument, 2))
    assert record.__dict__["other"] is argument


def test_a_value_in_a_traceback_is_masked(written: io.StringIO) -> None:
    with masking() as made:
        made.add([VALUE])
        try:
            raise ValueError(VALUE)
        except ValueError as error:
            error.add_note(f"with {VALUE}")
            logger.exception("failed")
    text = written.getvalue()
    assert "Traceback (most recent call last):" in text
    assert "ValueError: ***\nwith ***\n" in text
    assert VALUE not in text


def test_a_handler_gets_no_exception_that_holds_a_value(caplog: pytest.LogCaptureFixture) -> None:
    with masking() as made:
        made.add([VALUE])
        logger.error("failed", exc_info=ValueError(VALUE))
    record = caplog.records[0]
    assert (record.exc_info, record.exc_text) == (None, "ValueError: ***")


def test_an_exception_that_is_logged_keeps_the_value_that_its_code_may_need() -> None:
    error = ValueError(VALUE)
    with masking() as made:
        made.add([VALUE])
        logger.error("failed", exc_info=error)
    assert error.args == (VALUE,)


def test_a_traceback_without_a_value_is_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("other")
    with masking() as made:
        made.add([VALUE])
        logger.error("failed", exc_info=error)
    assert caplog.records[0].exc_info == (ValueError, error, None)


def test_a_value_in_the_fields_of_a_record_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"token": VALUE, "holder": Holder(VALUE), "broken": Broken(), "number": 12.5}
    with masking() as made:
        made.add([VALUE, "12.5"])
        logger.warning("sent", extra=fields)
    shown = vars(caplog.records[0])
    assert [shown[name] for name in fields] == ["***", "Holder('***')", fields["broken"], 12.5]


def test_the_callers_fields_are_not_touched() -> None:
    fields = {"headers": {"token": VALUE}}
    with masking() as made:
        made.add([VALUE])
        logger.warning("sent", extra=fields)
    assert fields == {"headers": {"token": VALUE}}


def test_a_value_in_the_stack_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    with masking() as made:
        made.add(["in_the_stack"])
        logger.warning("here", stack_info=True)  # in_the_stack
    assert "# ***" in str(caplog.records[0].stack_info)


def test_a_message_that_does_not_fit_its_arguments_is_reported_without_the_value(
    written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler(io.StringIO())
    alone = logging.getLogger("tests.masking.alone")
    alone.propagate = False
    alone.addHandler(handler)
    with masking() as made:
        made.add([VALUE])
        alone.warning(f"{VALUE} %d", VALUE)
    reported = capsys.readouterr().err
    assert "Message: '*** %d'\nArguments: ('***',)" in reported
    assert VALUE not in reported


def test_a_message_that_has_no_text_is_logged_as_without_masking() -> None:
    alone = logging.getLogger("tests.masking.none")
    alone.propagate = False
    alone.addHandler(logging.NullHandler())
    message = Broken()
    record = logging.makeLogRecord({"msg": message, "levelno": logging.WARNING})
    with masking() as made:
        made.add([VALUE])
        alone.handle(record)
    assert record.msg is message


def test_a_logger_with_a_handler_of_its_own_is_masked() -> None:
    stream = io.StringIO()
    own = logging.getLogger("tests.masking.own")
    own.propagate = False
    with masking() as made:
        made.add([VALUE])
        own.addHandler(logging.StreamHandler(stream))
        own.warning(VALUE)
    assert stream.getvalue() == "***\n"


def test_a_record_from_another_process_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.makeLogRecord(
        {"levelno": logging.WARNING, "msg": "token %s", "args": (VALUE,), "token": VALUE}
    )
    with masking() as made:
        made.add([VALUE])
        logger.handle(record)
    assert caplog.messages == ["token ***"]
    assert vars(caplog.records[0])["token"] == "***"


def test_a_record_that_is_queued_is_masked() -> None:
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(waiting)
    logger.addHandler(handler)
    with masking() as made:
        made.add([VALUE])
        logger.warning("token %s", VALUE, extra={"token": VALUE})
    logger.removeHandler(handler)
    record = waiting.get_nowait()
    assert (record.getMessage(), vars(record)["token"]) == ("token ***", "***")


def test_nothing_is_masked_after_the_run(written: io.StringIO) -> None:
    with masking() as made:
        made.add(["s3cr3t"])
    logger.warning("s3cr3t")
    assert written.getvalue() == "s3cr3t \n"


def test_nothing_is_left_in_logging_after_the_last_run() -> None:
    before = logging.Logger.handle
    with masking():
        assert logging.Logger.handle is not before
        with masking():
            pass
        assert logging.Logger.handle is not before
    assert logging.Logger.handle is before


def test_every_active_run_masks_what_is_logged(written: io.StringIO) -> None:
    first, second = masking(), masking()
    one, two = first.__enter__(), second.__enter__()
    one.add(["value-1"])
    two.add(["value-2"])
    logger.warning("value-1 value-2")
    first.__exit__(None, None, None)
    logger.warning("value-1 value-2")
    second.__exit__(None, None, None)
    assert written.getvalue() == "*** *** \nvalue-1 *** \n"


def test_who_wraps_logging_during_a_run_is_left_in_peace(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    outer = masking()
    outer.__enter__().add(["s3cr3t"])
    below = logging.Logger.handle

    def wrapper(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.name)
        below(self, record)

    monkeypatch.setattr(logging.Logger, "handle", wrapper)
    outer.__exit__(None, None, None)
    logger.warning("s3cr3t")
    with masking() as made:
        made.add(["s3cr3t"])
        logger.warning("s3cr3t")
    assert seen == ["tests.masking"] * 2
    assert written.getvalue() == "s3cr3t \n*** \n"
    monkeypatch.undo()
    with masking():  # puts back what was there before all this
        pass


# Exceptions


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


class AppError(Exception):
    """Shows an attribute."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __str__(self) -> str:
        return f"bad {self.token}"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"bad {VALUE}"),
        ValueError("bad", {"token": VALUE}),
        KeyError(VALUE),
        AppError(VALUE),
        InputError("t", f"bad {VALUE}"),
        FileNotFoundError(2, "No such file", f"/tmp/{VALUE}"),
        ImportError(f"bad {VALUE}", name=VALUE),
        SystemExit(VALUE),
        SyntaxError("bad", ("f.py", 1, 1, f"token = {VALUE!r}")),
        UnicodeDecodeError("utf-8", VALUE.encode(), 0, 1, VALUE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_value_is_masked_in_an_exception(error: BaseException) -> None:
    kind = type(error)
    assert VALUE in shown(error)
    masker(VALUE).mask_exception(error)
    assert VALUE not in shown(error)
    assert type(error) is kind


def test_an_exception_without_a_value_is_unchanged() -> None:
    argument = Holder(1)
    error = ValueError(argument, 2)
    masker(VALUE).mask_exception(error)
    assert error.args[0] is argument
    assert error.args[1] == 2


def test_notes_are_masked() -> None:
    error = ValueError()
    error.add_note(f"with {VALUE}")
    masker(VALUE).mask_exception(error)
    assert error.__notes__ == ["with ***"]


def test_the_chain_of_an_exception_is_masked() -> None:
    error = ValueError(VALUE)
    error.__cause__ = KeyError(VALUE)
    error.__cause__.__context__ = OSError(VALUE)
    masker(VALUE).mask_exception(error)
    assert VALUE not in shown(error)


def test_a_chain_that_is_a_ring_ends() -> None:
    first, second = ValueError(VALUE), KeyError(VALUE)
    first.__cause__, second.__cause__ = second, first
    masker(VALUE).mask_exception(first)
    assert (first.args, second.args) == (("***",), ("***",))


def test_a_masker_without_values_leaves_an_exception_alone() -> None:
    asked: list[str] = []

    class Argument:
        def __repr__(self) -> str:
            asked.append("for its text, which may take long")
            return VALUE

    error = ValueError(Argument())
    assert Masker().mask_exception(error) is error
    assert asked == []


def test_a_group_whose_message_holds_a_value_is_replaced_by_one_with_another_message() -> None:
    class OwnGroup(ExceptionGroup[Exception]):
        pass

    group = OwnGroup(f"with {VALUE}", [KeyError(1)])
    group.add_note("a note")
    try:
        raise group from ValueError("the cause")
    except OwnGroup:
        masked = masker(VALUE).mask_exception(group)
    assert isinstance(masked, OwnGroup)
    assert masked.exceptions == group.exceptions
    assert shown(masked) == shown(group).replace(VALUE, "***")


def test_a_group_inside_others_is_masked() -> None:
    inner = ExceptionGroup(f"with {VALUE}", [KeyError(1)])
    error = ValueError("outside")
    error.__cause__ = ExceptionGroup("around", [OSError(), inner])
    error.__cause__.__context__ = ExceptionGroup(f"before, {VALUE}", [KeyError(2)])
    masked = masker(VALUE).mask_exception(error)
    assert masked is error
    assert VALUE not in shown(error)
    assert "around" in shown(error)


def test_a_group_without_a_value_in_its_message_stays_the_object_that_it_is() -> None:
    group = ExceptionGroup("several", [ValueError(VALUE)])
    assert masker(VALUE).mask_exception(group) is group


def test_the_exceptions_of_a_group_are_masked() -> None:
    group = ExceptionGroup("several", [ValueError(VALUE), ExceptionGroup("x", [KeyError(VALUE)])])
    masker(VALUE).mask_exception(group)
    assert VALUE not in shown(group)


def test_what_cannot_be_changed_in_an_exception_is_passed_over() -> None:
    class FixedError(Exception):
        __slots__ = ("_token",)

        def __init__(self, token: str) -> None:
            super().__init__(token)
            self._token = token

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "_token" and hasattr(self, name):
                raise AttributeError(name)
            super().__setattr__(name, value)

    error = FixedError(VALUE)
    masker(VALUE).mask_exception(error)
    assert (error.args, error._token) == (("***",), VALUE)


def test_an_argument_that_shows_a_value_in_its_repr_alone_is_masked() -> None:
    class Token:
        def __str__(self) -> str:
            return "a token"

        def __repr__(self) -> str:
            return f"Token({VALUE})"

    error = ValueError(Token(), 1)
    masker(VALUE).mask_exception(error)
    assert error.args == ("Token(***)", 1)


def test_an_argument_that_is_a_path_becomes_its_masked_text() -> None:
    error = ValueError(Path("/tmp") / "s3cr3t-file")
    masker("s3cr3t-file").mask_exception(error)
    assert error.args == ("/tmp/***",)
