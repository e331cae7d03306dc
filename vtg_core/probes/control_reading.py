"""What a report of controls says, in one sentence for a person who sees one for the first time."""

import math
from collections.abc import Sequence

from vtg_core.probes.altered_samples import RIGHT_IOU
from vtg_core.probes.controls import Control, ControlReport

EFFECT_NATS = 1.0
"""A sum that moves by less changes nothing that counts: the true times are then at most e times as likely as before.
Logits of 16 to 32 stand 0.125 apart in bfloat16, so that rounding alone can move a sum by tenths of a nat."""

GUESSING_SHARE = 0.07
"""Times that cost what guessing does, to this share of it, are guessed. Random weights are within 4 % of ln V on our
demos, and guessing among all tokens and among the format's choices alone are 9 % apart there, more on real ones."""

_NAMES = {
    Control.BLANK: "with the video blanked",
    Control.REVERSED: "with its frames reversed",
    Control.OTHER_QUERY: "with another query",
}


def read_controls(report: ControlReport) -> str:
    """Return whether the model uses the video, the order of its frames and the query of this sample.

    It is judged by the time tokens: the others depend on the answer format, whatever is shown.
    """
    if (guessed := _guessed(report)) is not None:
        return guessed
    changes = _changes(report)
    parts = [_opening(changes), *_details(changes), _shifted(report, is_first=not changes)]
    return "; ".join(filter(None, parts)) + "."


def _changes(report: ControlReport) -> dict[Control, float]:
    """Return by how many nats each control that can say something changed the sum of the times."""
    found = {}
    for control in _NAMES:
        change, overlap = report.times_delta(control), report.of(control).overlap
        if change is not None and (overlap is None or overlap < RIGHT_IOU):
            found[control] = change
    return found


def _guessed(report: ControlReport) -> str | None:
    """Return the sentence about a model that pays for times what guessing costs, whatever it is shown."""
    times = [times for result in report.results if (times := result.times) is not None and times.num_tokens]
    if not times:
        return "This answer has no times, so its cost cannot say what the model uses."
    per_token = times[0].sum_nll / times[0].num_tokens
    whatever = "whatever it is shown, " if len(times) > 1 else ""
    if all(_is_near(one.sum_nll, one.num_tokens * report.uniform_nll) for one in times):
        vocabulary = f"{math.exp(report.uniform_nll):,.0f}"
        return _capital(
            f"{whatever}the times cost {per_token:.1f} nats a token, as much as guessing among all {vocabulary} tokens "
            "does: this model knows nothing yet about such an answer, so nothing can be said of what it uses."
        )
    if all(one.uniform_nll is not None and _is_near(one.sum_nll, one.uniform_nll) for one in times):
        return _capital(
            f"{whatever}the times cost {per_token:.1f} nats a token, as much as guessing among those that the format "
            "can write: on this sample the model knows how an answer looks, and only guesses when."
        )
    return None


def _is_near(nats: float, guessing: float) -> bool:
    return abs(nats - guessing) <= GUESSING_SHARE * guessing


def _opening(changes: dict[Control, float]) -> str:
    """Return the clause that says what the model uses, with the figures it is read from."""
    seen = [control for control in (Control.BLANK, Control.REVERSED) if control in changes]
    uses_video = any(_counts(changes[control]) for control in seen) if seen else None
    uses_query = _counts(changes[Control.OTHER_QUERY]) if Control.OTHER_QUERY in changes else None
    figures = _figures(changes)
    match uses_video, uses_query:
        case True, True:
            return f"On this sample the model uses both the video and the query ({figures})"
        case True, False:
            return f"On this sample the model uses the video and not the query ({figures})"
        case True, None:
            return f"On this sample the model uses the video ({figures})"
        case False, True:
            return (
                f"{_without_effect(seen)}: on this sample the model answers from the query alone ({figures})"
            )
        case False, False:
            return (
                f"{_without_effect(seen)}, nor does another query: on this sample the model answers what it would "
                f"answer anyway ({figures})"
            )
        case False, None:
            return f"{_without_effect(seen)}: on this sample the model does not use it ({figures})"
        case None, True:
            return f"On this sample the model uses the query ({figures})"
        case None, False:
            return f"On this sample the model does not use the query ({figures})"
    return ""


def _without_effect(seen: Sequence[Control]) -> str:
    if len(seen) == 2:
        return "Neither blanking the video nor reversing its frames changes anything that counts"
    what = "Blanking the video" if seen[0] is Control.BLANK else "Reversing the frames"
    return f"{what} changes nothing that counts"


def _details(changes: dict[Control, float]) -> list[str]:
    """Return the clauses about what one would not expect of a model that uses what it is shown."""
    clauses = []
    blank, reverse = changes.get(Control.BLANK), changes.get(Control.REVERSED)
    if blank is not None and reverse is not None and _counts(blank) and not _counts(reverse):
        clauses.append("the order of the frames changes nothing that counts")
    if cheaper := [control for control in changes if changes[control] <= -EFFECT_NATS]:
        names = " or ".join(_NAMES[control] for control in cheaper)
        clauses.append(f"it finds the true times likelier {names} than with all as it is")
    return clauses


def _shifted(report: ControlReport, *, is_first: bool) -> str:
    """Return the clause that holds the true answer against the one with shifted windows.

    Texts are compared by all of their tokens: what a number with fewer digits saves in digits it pays where it ends.
    """
    change, answer = report.delta(Control.SHIFTED_WINDOW), report.of(Control.SHIFTED_WINDOW).detail
    if change is None:
        return "None of the controls could be run, so nothing can be said of what the model uses" * is_first
    start = "On this sample the model" if is_first else "it"
    if not _counts(change):
        return f"{start} finds the wrong answer {answer} about as likely as the true one"
    if change < 0:
        return f"{'' if is_first else 'yet '}{start} finds the wrong answer {answer} likelier than the true one ({change:+.1f} nats)"
    return f"{start} prefers the true answer to {answer} ({change:+.1f} nats)"


def _figures(changes: dict[Control, float]) -> str:
    """Return by how much each control changed what the true times cost: +5.2 nats with …, -0.1 with …."""
    said = [
        f"{change:+.1f}{' nats' * (not number)} {_NAMES[control]}"
        for number, (control, change) in enumerate(changes.items())
    ]
    return f"the true times: {', '.join(said)}"


def _counts(change: float) -> bool:
    return abs(change) >= EFFECT_NATS


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
