"""Foreign collators, the hostile ones above all: each becomes one clear finding, and stdout stays ours."""

import logging
import os
import sys

import numpy as np
import pytest
import torch

from vtg_core.audit.batch.rows import rows_of
from vtg_core.audit.codes.collator import CODES
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import (
    SAMPLE_FIELDS,
    ForeignCollator,
    foreign_samples,
    load_collator,
    run_collator,
)
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.collator import SFTCollator
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.errors import ConversationError, VideoError
from vtg_core.templates import templates_for
from vtg_core.windows import Window

HOSTILE = """
import os, subprocess, sys, torch

def raises(samples):
    return helper(samples)

def helper(samples):
    raise KeyError("no such column")  # line 8

def speechless(samples):
    class Speechless(Exception):
        def __str__(self):
            raise RuntimeError("not even this")
    raise Speechless

def lengthy(samples): raise ValueError("shapes differ:\\n" + "\\n".join(f"row {i}" for i in range(40)))
def lacks_module(samples): import a_package_nobody_has.part
def logs(samples):
    import logging
    log = logging.getLogger("hostile")
    if not log.handlers:
        log.addHandler(logging.StreamHandler(sys.stdout))
    log.warning("noise of a log")
    return one_row(samples)

def exits(samples): sys.exit(3)
def leaves(samples): raise GeneratorExit
def closes(samples):
    sys.stdout.close()
    return one_row(samples)
def interrupts(samples): raise KeyboardInterrupt
def returns_none(samples): return None
def returns_list(samples): return [1]
def returns_tuple(samples): return {"input_ids": 1}, {}
def recurses(samples): return recurses(samples)

class Trap(dict):
    def __getitem__(self, key): raise OSError("disk on fire")

def traps(samples): return Trap(input_ids=1)

def prints(samples):
    print("noise of Python")
    sys.__stdout__.write("noise of the first stdout")
    os.write(1, b"noise of C")
    subprocess.run([sys.executable, "-c", "print('noise of a child')"], check=True)
    return one_row(samples)

def one_row(samples):
    ids = torch.arange(6)[None]
    return {"input_ids": ids, "labels": ids}

def floats(samples):
    return {key: value.float() for key, value in one_row(samples).items()}

def vandal(samples):
    samples[0]["messages"].clear()
    samples[0]["videos"][0][:] = 0
    samples[0].clear()
    return one_row(samples)

def factory(processor): return lambda samples: {"input_ids": processor.tokenizer("a").input_ids}
def factory_that_raises(processor): raise ValueError("no, thank you")
def factory_of_nothing(processor): return "not a collator"

class WithProcessor:
    def __init__(self, processor, extra=1): self.processor = processor
    def __call__(self, samples): return {"side": self.processor.tokenizer.padding_side}

class Plain:
    def __call__(self, samples): return one_row(samples)

class Needy:
    def __init__(self, processor, secret): pass

class Holder:
    inner = Plain()

number = 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder with ``hostile.py``, forgotten afterwards."""
    (tmp_path / "hostile.py").write_text(HOSTILE)
    (tmp_path / "broken.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "failing.py").write_text("x = 1\nraise RuntimeError('at import')\n")
    (tmp_path / "needing.py").write_text("import a_package_nobody_has\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("hostile", "broken", "failing", "needing"):
        sys.modules.pop(name, None)


@pytest.fixture
def sample(video):
    return Sample(
        video,
        "a red circle",
        (Window(8, 14),),
        templates_for(AnswerMode.STANDARD)[0],
        ANSWER_FORMATS["standard"],
    )


def run(name, processor, samples):
    collator = load_collator(f"hostile:{name}", processor)
    assert isinstance(collator, ForeignCollator), collator
    return run_collator(collator, foreign_samples(samples))


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("nonsense", "collator.not-found", "named package.module:name"),
        ("hostile:", "collator.not-found", "named package.module:name"),
        ("../hostile:raises", "collator.not-found", "named package.module:name"),
        ("no_such_module:f", "collator.not-found", "Module no_such_module must be"),
        ("hostile.no_such:f", "collator.not-found", "Module hostile.no_such must be"),
        ("hostile:no_such", "collator.not-found", "must have a 'no_such'"),
        ("hostile:number", "collator.not-found", "must be callable, and is an int"),
        ("hostile:factory_of_nothing", "collator.not-found", "returned a str"),
        ("hostile:factory_that_raises", "collator.raises", "no, thank you"),
        ("hostile:Needy", "collator.raises", "secret"),
        ("broken:f", "collator.raises", "SyntaxError"),
        ("failing:f", "collator.raises", "at import"),
        (
            "needing:f",
            "collator.raises",
            "Importing needing needs the module a_package_nobody_has, which is missing",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_finding(name, code, said, folder, processor):
    found = load_collator(name, processor)
    assert isinstance(found, Finding)
    assert (found.code, found.severity) == (code, "error")
    assert said in found.message


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("raises", "collator.raises", "KeyError: 'no such column'"),
        ("speechless", "collator.raises", "Speechless"),
        ("lengthy", "collator.raises", "ValueError: shapes differ:\nrow 0\n"),
        ("lengthy", "collator.raises", "\nrow 39 (at hostile.py:"),
        ("lacks_module", "collator.raises", "is missing: pip install a_package_nobody_has (at"),
        ("exits", "collator.raises", "exits: SystemExit: 3"),
        ("leaves", "collator.raises", "GeneratorExit"),
        ("recurses", "collator.raises", "RecursionError"),
        ("traps", "collator.raises", "disk on fire"),
        ("returns_none", "collator.returns-no-batch", "returned nothing"),
        ("returns_list", "collator.returns-no-batch", "returned a list"),
        ("returns_tuple", "collator.returns-no-batch", "returned a tuple"),
    ],
)
def test_what_misbehaves_is_one_clear_finding(name, code, said, folder, processor, sample):
    found = run(name, processor, [sample])
    assert isinstance(found, Finding)
    assert (found.code, found.severity) == (code, "error")
    assert said in found.message


def test_a_finding_names_the_innermost_foreign_line_and_no_folder(folder, processor, sample):
    found = run("raises", processor, [sample])
    line = HOSTILE.splitlines().index('    raise KeyError("no such column")  # line 8') + 1
    assert found.evidence == {"error": "KeyError", "at": f"hostile.py:{line}"}
    assert str(folder) not in found.message


def test_a_line_that_does_not_parse_is_named(folder, processor):
    assert load_collator("broken:f", processor).evidence["at"] == "broken.py:2"
    assert load_collator("failing:f", processor).evidence["at"] == "failing.py:2"


def test_an_interrupt_by_the_user_passes_through(folder, processor, sample):
    with pytest.raises(KeyboardInterrupt):
        run("interrupts", processor, [sample])


def test_a_collator_that_closes_stdout_closes_none_of_ours(folder, processor, sample, capfd):
    assert set(run("closes", processor, [sample])) == {"input_ids", "labels"}
    print("still here")
    print("still there", file=sys.stderr)
    assert capfd.readouterr() == ("still here\n", "still there\n")


def test_a_handler_bound_to_the_captured_stream_goes_on_after_the_call(folder, processor, sample, capfd):
    collator = load_collator("hostile:logs", processor)
    for _ in range(2):
        run_collator(collator, foreign_samples([sample]))
    logging.getLogger("hostile").warning("between two calls")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == "noise of a log\nnoise of a log\nbetween two calls\n"


def test_nothing_that_a_collator_prints_reaches_stdout(folder, processor, sample, capfd):
    batch = run("prints", processor, [sample])
    os.write(1, b"ours")
    printed = capfd.readouterr()
    assert printed.out == "ours"
    assert printed.err.count("noise") == 4
    assert set(batch) == {"input_ids", "labels"}


@pytest.mark.parametrize("name", ["one_row", "factory", "WithProcessor", "Plain", "Holder.inner"])
def test_callables_factories_classes_and_attributes_are_loaded(name, folder, processor, sample):
    assert isinstance(run(name, processor, [sample]), dict)


def test_wrong_types_and_missing_rows_are_told_by_the_batch_itself(folder, processor, sample):
    chat = ChatIds.of(processor)
    floats = rows_of(run("floats", processor, [sample]), chat, [None])[1]
    fewer = rows_of(run("one_row", processor, [sample, sample]), chat, [None, None])[1]
    assert [finding.code for finding in (*floats, *fewer)] == ["batch.tensor-malformed", "batch.rows-differ"]


def test_a_collator_gets_copies_that_it_may_destroy(folder, processor, sample):
    given = foreign_samples([sample])
    run_collator(load_collator("hostile:vandal", processor), given)
    assert len(given[0]["messages"]) == 2
    assert np.array_equal(given[0]["videos"][0], sample.video.frames)


def test_a_collator_can_be_built_again_for_the_other_padding_side(folder, processor, sample):
    collator = load_collator("hostile:WithProcessor", processor)
    left = collator.padding_on("left", processor)
    assert left([])["side"] == "left"
    assert processor.tokenizer.padding_side == "right"
    plain = load_collator("hostile:one_row", processor)
    assert plain.padding_on("left", processor) is plain


def test_a_sample_has_the_documented_fields_and_no_others(sample):
    [given] = foreign_samples([sample])
    assert list(given) == list(SAMPLE_FIELDS)
    assert given["windows"] == [[8, 14]]
    assert given["answer"] == given["messages"][-1]["content"][0]["text"] == "[8.0, 14.0]"
    assert (given["mode"], given["template"], given["duration"]) == ("standard", "direct", 30.0)
    assert given["videos"][0].shape[0] == len(given["timestamps"][0]) == 4


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
@pytest.mark.parametrize("mode", AnswerMode)
def test_our_own_collator_makes_the_same_batch_of_the_mappings(
    name, mode, processors_by_name, video, other_video
):
    template, answer_format = templates_for(mode)[0], ANSWER_FORMATS[mode]
    items = [
        Sample(v, "a red circle", (Window(8, 14),), template, answer_format) for v in (video, other_video)
    ]
    collator = SFTCollator(processors_by_name[name])
    ours, theirs = collator(items), collator(foreign_samples(items))
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_frames_that_do_not_fit_the_messages_are_refused(processor, sample):
    [given] = foreign_samples([sample])
    with pytest.raises(ConversationError, match="an entry for each of the 1 videos"):
        SFTCollator(processor)([given | {"videos": []}])
    with pytest.raises(ConversationError, match="'video_metadata' what transformers'"):
        SFTCollator(processor)([given | {"video_metadata": [{}]}])
    with pytest.raises(VideoError, match="uint8"):
        SFTCollator(processor)([given | {"videos": [given["videos"][0].astype(float)]}])


def test_times_come_from_the_metadata_where_the_mapping_has_none(processor, sample):
    [given] = foreign_samples([sample])
    without = {key: value for key, value in given.items() if key != "timestamps"}
    assert torch.equal(
        SFTCollator(processor)([without])["input_ids"], SFTCollator(processor)([sample])["input_ids"]
    )


def test_every_code_is_an_error_that_says_what_to_do():
    assert [code.name for code in CODES] == [
        "collator.not-found",
        "collator.raises",
        "collator.returns-no-batch",
    ]
    assert all(code.severity == "error" and code.why and code.fix for code in CODES)
