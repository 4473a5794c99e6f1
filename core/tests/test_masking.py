"""Masking: what was handed out is in no text that a run gives."""

from __future__ import annotations

import ast
import base64
import html
import io
import json
import logging
import logging.handlers
import os
import queue
import re
import reprlib
import shlex
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, urlencode

import pydantic
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasksmithy import Secret
from tasksmithy._texts import shorten
from tasksmithy.runtime.secrets._exits import hand_out, handed_out, learn
from tasksmithy.runtime.secrets._masking import Masker

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


def test_a_process_that_is_forked_while_a_secret_is_handed_out_masks_it_and_others() -> None:
    learn([VALUE])
    with handed_out._lock:
        child = os.fork()
        if not child:
            learn(["another"])
            os._exit(handed_out.mask(f"{VALUE} another") != "*** ***")
    assert os.waitpid(child, 0)[1] == 0


def test_a_secret_that_is_handed_out_is_masked() -> None:
    hand_out("task", {Secret("token"): VALUE})
    assert handed_out.mask(VALUE) == "***"


def test_a_secret_too_short_to_mask_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        hand_out("train", {Secret("pin"): "123", Secret("token"): VALUE})
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
    learn([VALUE])
    logger.warning(f"token {VALUE}")
    assert written.getvalue() == "token *** \n"


@pytest.mark.parametrize(
    "argument", [VALUE, Holder(VALUE), {"a": [VALUE]}, VALUE.encode(), ValueError(VALUE)]
)
def test_a_value_in_an_argument_is_masked(written: io.StringIO, argument: object) -> None:
    learn([VALUE])
    logger.warning("token %r", argument)
    assert "***" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_a_value_in_named_arguments_is_masked(written: io.StringIO) -> None:
    learn([VALUE])
    logger.warning("token %(token)s of %(owner)s", {"token": VALUE, "owner": "ada"})
    assert written.getvalue() == "token *** of ada \n"


def test_a_value_that_the_message_completes_is_masked(written: io.StringIO) -> None:
    learn(["pass-word"])
    logger.warning("token pass-%s", "word")
    assert written.getvalue() == "token *** \n"


def test_an_argument_that_the_message_does_not_show_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    learn([VALUE])
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
    learn([VALUE])
    logger.warning("%s and %d", argument, 2, extra={"other": argument})
    record = caplog.records[0]
    assert (record.msg, record.args) == ("%s and %d", (argument, 2))
    assert record.__dict__["other"] is argument


def test_a_value_in_a_traceback_is_masked(written: io.StringIO) -> None:
    learn([VALUE])
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
    learn([VALUE])
    logger.error("failed", exc_info=ValueError(VALUE))
    record = caplog.records[0]
    assert (record.exc_info, record.exc_text) == (None, "ValueError: ***")


def test_an_exception_that_is_logged_keeps_the_value_that_its_code_may_need() -> None:
    error = ValueError(VALUE)
    learn([VALUE])
    logger.error("failed", exc_info=error)
    assert error.args == (VALUE,)


def test_a_traceback_without_a_value_is_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("other")
    learn([VALUE])
    logger.error("failed", exc_info=error)
    assert caplog.records[0].exc_info == (ValueError, error, None)


def test_a_value_in_the_fields_of_a_record_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"token": VALUE, "holder": Holder(VALUE), "broken": Broken(), "number": 12.5}
    learn([VALUE, "12.5"])
    logger.warning("sent", extra=fields)
    shown = vars(caplog.records[0])
    assert [shown[name] for name in fields] == ["***", "Holder('***')", fields["broken"], 12.5]


def test_the_callers_fields_are_not_touched() -> None:
    fields = {"headers": {"token": VALUE}}
    learn([VALUE])
    logger.warning("sent", extra=fields)
    assert fields == {"headers": {"token": VALUE}}


def test_a_value_in_the_stack_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    learn(["in_the_stack"])
    logger.warning("here", stack_info=True)  # in_the_stack
    assert "# ***" in str(caplog.records[0].stack_info)


def test_a_message_that_does_not_fit_its_arguments_is_reported_without_the_value(
    written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler(io.StringIO())
    alone = logging.getLogger("tests.masking.alone")
    alone.propagate = False
    alone.addHandler(handler)
    learn([VALUE])
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
    learn([VALUE])
    alone.handle(record)
    assert record.msg is message


def test_a_logger_with_a_handler_of_its_own_is_masked() -> None:
    stream = io.StringIO()
    own = logging.getLogger("tests.masking.own")
    own.propagate = False
    learn([VALUE])
    own.addHandler(logging.StreamHandler(stream))
    own.warning(VALUE)
    assert stream.getvalue() == "***\n"


def test_a_record_from_another_process_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.makeLogRecord(
        {"levelno": logging.WARNING, "msg": "token %s", "args": (VALUE,), "token": VALUE}
    )
    learn([VALUE])
    logger.handle(record)
    assert caplog.messages == ["token ***"]
    assert vars(caplog.records[0])["token"] == "***"


def test_a_record_that_is_queued_is_masked() -> None:
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(waiting)
    logger.addHandler(handler)
    learn([VALUE])
    logger.warning("token %s", VALUE, extra={"token": VALUE})
    logger.removeHandler(handler)
    record = waiting.get_nowait()
    assert (record.getMessage(), vars(record)["token"]) == ("token ***", "***")


def test_a_field_that_a_filter_of_the_logger_adds_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def add(record: logging.LogRecord) -> bool:
        record.token = VALUE
        return True

    learn([VALUE])
    logger.addFilter(add)
    logger.warning("sent")
    logger.removeFilter(add)
    assert vars(caplog.records[0])["token"] == "***"


def test_the_name_of_a_thread_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    learn([VALUE])
    thread = threading.Thread(target=logger.warning, args=("here",), name=f"with {VALUE}")
    thread.start()
    thread.join()
    assert caplog.records[0].threadName == "with ***"


# Warnings, and errors that nobody handles


def test_a_warning_is_masked_where_it_is_written() -> None:
    learn([VALUE])
    text = warnings.formatwarning(UserWarning(f"with {VALUE}"), UserWarning, "f.py", 1, "x = 1")
    assert text == "f.py:1: UserWarning: with ***\n  x = 1\n"


def test_an_unhandled_error_is_printed_masked(capsys: pytest.CaptureFixture[str]) -> None:
    learn([VALUE])
    error = ExceptionGroup(f"group {VALUE}", [KeyError(VALUE)])
    sys.excepthook(type(error), error, None)
    shown = capsys.readouterr().err
    assert "ExceptionGroup: group *** (1 sub-exception)" in shown
    assert "KeyError: '***'" in shown
    assert error.args[0] == f"group {VALUE}"


def test_an_unhandled_error_without_a_value_is_left_to_whoever_prints_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOOKED], capture_output=True, text=True, check=False
    )
    assert done.stdout == "own hook: other\n"
    assert "ValueError: ***" in done.stderr


HOOKED = """
import sys
from tasksmithy.runtime.secrets._exits import learn
sys.excepthook = lambda kind, error, trace: print("own hook:", error)
learn(["s3cr3t"])
sys.excepthook(ValueError, ValueError("other"), None)
raise ValueError("s3cr3t")
"""


def test_an_unhandled_error_in_a_thread_is_printed_masked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    learn([VALUE])

    args = threading.ExceptHookArgs(
        (ValueError, ValueError(VALUE), None, threading.Thread(name="t"))
    )
    threading.excepthook(args)
    assert capsys.readouterr().err == "Exception in thread t:\nValueError: ***\n"


def test_an_error_that_python_ignores_is_printed_masked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IGNORED], capture_output=True, text=True, check=True
    )
    assert "ValueError: ***" in done.stderr
    assert "s3cr3t" not in done.stderr


IGNORED = """
from tasksmithy.runtime.secrets._exits import learn


class Held:
    def __repr__(self):
        return "Held(s3cr3t)"

    def __del__(self):
        raise ValueError("s3cr3t")


learn(["s3cr3t"])
Held()
"""


# What others have cut, broken over lines and escaped

TOKEN = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)


@pytest.mark.parametrize("value", ["K9s8d7f6a5s4d3f2g1h0", TOKEN, PEM], ids=["short", "jwt", "pem"])
@pytest.mark.parametrize("kind", [int, bool, list])
def test_what_pydantic_cuts_out_of_a_value_is_masked(value: str, kind: type) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        pydantic.TypeAdapter(kind).validate_python(value)
    assert "***" in (masked := masker(value).mask(str(refused.value)))
    assert pieces_of(value, masked) == []


@pytest.mark.parametrize(
    "shorten",
    [
        reprlib.repr,
        lambda value: textwrap.shorten(f"{value} " + "word " * 40, 60),
        lambda value: f"{value[:12]}...",
        lambda value: f"...{value[-12:]}",
        lambda value: f"{value[:12]} […] {value[-12:]}",
    ],
)
def test_what_others_cut_out_of_a_value_is_masked(shorten: Callable[[str], str]) -> None:
    assert pieces_of(TOKEN, masker(TOKEN).mask(shorten(TOKEN))) == []


def pieces_of(value: str, text: str) -> list[str]:
    """What a text has of a value, in pieces of six characters."""
    return [value[n : n + 6] for n in range(len(value) - 5) if value[n : n + 6] in text]


@pytest.mark.parametrize(
    "broken",
    [
        textwrap.fill(TOKEN, 20),
        textwrap.fill(f"the token is {TOKEN} and more", 30, break_on_hyphens=False),
        textwrap.indent(textwrap.fill(TOKEN, 31), "  | "),
        "\r\n".join(textwrap.wrap(TOKEN, 40)),
        base64.encodebytes(f"before {TOKEN} after".encode()).decode(),
    ],
)
def test_a_value_that_is_broken_over_lines_is_masked(broken: str) -> None:
    masked = masker(TOKEN).mask(f"first\nsecond {broken} third\nfourth")
    assert "***" in masked
    assert masked.startswith("first\nsecond ")
    assert masked.endswith(" third\nfourth")
    assert pieces_of(TOKEN, masked) == []
    assert (
        pieces_of(base64.b64encode(f"before {TOKEN} after".encode()).decode()[16:-16], masked) == []
    )


@given(st.text("abcd", min_size=8, max_size=24), st.integers(1, 9), st.text("xy \n|>", max_size=20))
def test_a_value_is_masked_wherever_it_is_broken(value: str, width: int, around: str) -> None:
    lines = "\n  | ".join(value[n : n + width] for n in range(0, len(value), width))
    masked = masker(value).mask(f"{around}{lines}{around}")
    assert masked == f"{around}***{around}"


def test_a_value_whose_spaces_became_line_ends_is_masked() -> None:
    value = "correct horse battery staple"
    assert masker(value).mask(f"a: {textwrap.fill(value, 10)}.") == "a: ***."


@given(st.text("ab\n |", max_size=30), st.integers(1, 7))
def test_lines_without_a_value_are_unchanged(text: str, width: int) -> None:
    made = masker("aabbaabb-and-more")
    assert made.mask(text) is text


@pytest.mark.parametrize("value", ['it\'s a "k3y" \\ <&>', "a/k3y c\td"])
@pytest.mark.parametrize(
    "escape",
    [
        lambda text: repr(repr(text)),
        lambda text: json.dumps(json.dumps({"a": text})),
        lambda text: repr(ValueError({"a": text})),
        lambda text: repr([repr({"a": text})]),
        lambda text: shlex.join(["run", "--token", text]),
        lambda text: shlex.join(["run", f"--token={text}"]),
        lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text)),
        lambda text: text.encode().hex(),
    ],
)
def test_a_value_is_masked_as_it_is_escaped_once_more(
    value: str, escape: Callable[[str], str]
) -> None:
    masked = masker(value).mask(escape(f"<{value}>"))
    assert "***" in masked
    assert "k3y" not in masked


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_a_value_is_found_in_bytes_of_the_usual_encodings(encoding: str) -> None:
    data = b"\x00\xff" + f"<{VALUE}>".encode(encoding) + b"\xff"
    assert masker(VALUE).is_in(data)
    assert masker(VALUE, "other").known_in(data) == {VALUE}
    assert not masker("other").is_in(data)
