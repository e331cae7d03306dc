import math

import pytest

from vtg_core.loss.answer_parts import AnswerLoss, AnswerPart
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.probes.controls import Control, ControlReport, ControlResult
from vtg_core.regions import RegionKind

LN_V = math.log(2000)


def loss_of(times, words=1.0, num_times=5):
    """An answer whose five time tokens cost ``times`` nats in all, and its words and its end so many each."""
    nll = [*[times / num_times] * num_times, words, words]
    parts = [*[AnswerPart.TIME] * num_times, AnswerPart.FORMAT, AnswerPart.END_OF_TURN]
    tokens = tuple(TokenLoss(n, n, "", cost, math.exp(-cost), 1, 0.0, ()) for n, cost in enumerate(nll))
    uniform = tuple(math.log(10) * (part is AnswerPart.TIME) for part in parts)
    return AnswerLoss(tokens, (RegionKind.ANSWER,) * len(nll), tuple(parts), uniform)


def reading(real=2.0, overlap=0.0, **changes):
    """Read a report whose controls change the times by so many nats; None for one that was not run."""
    results = [ControlResult(Control.REAL, "", loss_of(real))]
    for control in list(Control)[1:]:
        change = changes.get(str(control))
        loss = None if change is None else loss_of(real + change)
        detail = "[1.0, 2.0]" if control is Control.SHIFTED_WINDOW else ""
        share = overlap if control is Control.REVERSED else None
        results.append(ControlResult(control, detail, loss, "no room" * (loss is None), share))
    return ControlReport(tuple(results), 3, 100, LN_V, "cpu", "float32", 0.1).reading


@pytest.mark.parametrize(
    ("blank", "reversed_", "other", "expected"),
    [
        (9, 8, 7, "On this sample the model uses both the video and the query (the true times: +9.0 nats with the "
                  "video blanked, +8.0 with its frames reversed, +7.0 with another query)"),
        (9, 8, 0.2, "On this sample the model uses the video and not the query ("),
        (9, 8, None, "On this sample the model uses the video (the true times: +9.0 nats with the video blanked, +8.0"),
        (0.1, 0.2, 7, "Neither blanking the video nor reversing its frames changes anything that counts: on this "
                      "sample the model answers from the query alone ("),
        (0.1, None, 7, "Blanking the video changes nothing that counts: on this sample the model answers from the query"),
        (None, 0.1, 7, "Reversing the frames changes nothing that counts: on this sample the model answers from the"),
        (0.1, 0.2, 0.3, "Neither blanking the video nor reversing its frames changes anything that counts, nor does "
                        "another query: on this sample the model answers what it would answer anyway ("),
        (0.1, None, None, "Blanking the video changes nothing that counts: on this sample the model does not use it ("),
        (0.1, 5, 7, "On this sample the model uses both the video and the query ("),
        (None, None, 7, "On this sample the model uses the query (the true times: +7.0 nats with another query)"),
        (None, None, 0.1, "On this sample the model does not use the query (the true times: +0.1 nats with another"),
    ],
)  # fmt: skip
def test_the_first_clause_says_what_the_model_uses(blank, reversed_, other, expected):
    found = reading(blank=blank, reversed=reversed_, other_query=other)
    assert found.startswith(expected)
    assert found.endswith(".")
    assert found.count(". ") == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (12, "; it prefers the true answer to [1.0, 2.0] (+12.0 nats)."),
        (0.3, "; it finds the wrong answer [1.0, 2.0] about as likely as the true one."),
        (-1.5, "; yet it finds the wrong answer [1.0, 2.0] likelier than the true one (-1.5 nats)."),
        (None, "another query)."),
    ],
)
def test_the_last_clause_holds_the_truth_against_a_wrong_window(change, expected):
    assert reading(blank=9, reversed=8, other_query=7, shifted_window=change).endswith(expected)


def test_a_shifted_window_alone_is_a_sentence():
    assert (
        reading(shifted_window=3)
        == "On this sample the model prefers the true answer to [1.0, 2.0] (+3.0 nats)."
    )


def test_a_model_that_sees_pictures_and_not_their_order_is_told_so():
    assert "; the order of the frames changes nothing that counts." in reading(blank=9, reversed=0.1)


def test_frames_that_show_the_truth_at_the_same_place_from_behind_say_nothing():
    found = reading(blank=9, reversed=0.1, overlap=0.9)
    assert "order" not in found
    assert "reversed" not in found


def test_a_truth_that_is_likelier_without_the_video_is_told():
    found = reading(blank=-3, reversed=2)
    assert "uses the video (the true times: -3.0 nats with the video blanked" in found
    assert "; it finds the true times likelier with the video blanked than with all as it is." in found


@pytest.mark.parametrize("share", [0.95, 1.0, 1.05])
def test_times_at_the_price_of_any_token_are_known_by_nobody(share):
    found = reading(real=5 * LN_V * share, blank=0.1, reversed=0, other_query=-0.1, shifted_window=0)
    assert found.startswith("Whatever it is shown, the times cost ")
    assert "guessing among all 2,000 tokens does: this model knows nothing yet" in found


def test_times_at_the_price_of_a_digit_are_guessed():
    found = reading(real=5 * math.log(10), blank=0.1, reversed=0, other_query=-0.1, shifted_window=0)
    assert "a token, as much as guessing among those that the format can write" in found
    assert found.endswith("knows how an answer looks, and only guesses when.")


def test_a_model_that_is_surely_wrong_is_not_said_to_know_nothing():
    found = reading(real=5 * LN_V, blank=-20, reversed=-15, other_query=-10, shifted_window=-30)
    assert "knows nothing" not in found
    assert found.startswith("On this sample the model uses both")


def test_nothing_run_is_nothing_said():
    assert reading() == "None of the controls could be run, so nothing can be said of what the model uses."


def test_an_answer_without_times_says_nothing():
    result = ControlResult(Control.REAL, "", _without_times())
    others = [ControlResult(control, "", None, "no") for control in list(Control)[1:]]
    report = ControlReport((result, *others), 1, 10, LN_V, "cpu", "float32", 0.1)
    assert report.reading == "This answer has no times, so its cost cannot say what the model uses."
    assert report.times_delta(Control.REAL) is None


def _without_times():
    loss = loss_of(2.0)
    return AnswerLoss(loss.tokens[5:], loss.kinds[5:], loss.parts[5:], loss.uniform[5:])
