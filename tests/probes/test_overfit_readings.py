import pytest

from vtg_core.probes.overfit import OverfitReport, OverfitStep, Trained
from vtg_core.probes.overfit_readings import compare_masks


def report(*responses, prompt=(8.0, 8.0), trained=None, mask="ours", was_stopped=False):
    """A report whose answer costs ``responses`` after its steps."""
    trained = trained or responses
    prompts = [prompt[0], *([prompt[1]] * (len(responses) - 1))]
    steps = [OverfitStep(n, *costs) for n, costs in enumerate(zip(responses, prompts, trained, strict=True))]
    return OverfitReport(tuple(steps), mask, 1234, Trained.ALL, 10, 1e-3, "cpu", "float32", 1.0, was_stopped)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            report(8.0, 5.0, 1.0, prompt=(8.0, 7.9)),
            "The answer is being learnt: in 2 steps its loss falls from 8.00 to 1.00 nats a token, and that of the "
            "prompt's text, which is not trained, stays near 8.00, at 7.90.",
        ),
        (
            report(8.0, 3.0, prompt=(8.0, 9.5)),
            "The answer is being learnt: in 1 step its loss falls from 8.00 to 3.00 nats a token, and that of the "
            "prompt's text, which is not trained, rises from 8.00 to 9.50.",
        ),
        (
            report(8.0, 6.0, prompt=(None, None)),
            "The answer is being learnt slowly: in 1 step its loss falls from 8.00 to 6.00 nats a token; take more "
            "steps to see where it ends.",
        ),
        (
            report(8.0, 8.1, prompt=(None, None)),
            "The answer is not being learnt: in 1 step its loss stays near 8.00, at 8.10 nats a token; take another "
            "learning rate before you doubt the mask.",
        ),
        (
            report(0.04, 0.01, prompt=(None, None)),
            "The model knew this answer before it was trained: in 1 step its loss falls from 0.04 to 0.01 nats a token.",
        ),
        (
            report(8.0, 7.9, trained=(8.0, 2.0), mask="text-prefix"),
            "With text-prefix, which trains 1,234 tokens, the answer is not learnt: in 1 step its loss stays near "
            "8.00, at 7.90 nats a token, that of all it trains falls from 8.00 to 2.00; the curve that training shows "
            "is not the answer's.",
        ),
        (
            report(1.2, 3.0, trained=(8.0, 8.0), mask="mine"),
            "With mine, which trains 1,234 tokens, the answer is not learnt: in 1 step its loss rises from 1.20 to "
            "3.00 nats a token, that of all it trains stays near 8.00, at 8.00.",
        ),
        (
            report(8.0, 6.0, trained=(8.0, 2.0), mask="all-tokens"),
            "With all-tokens, which trains 1,234 tokens, the answer is learnt slowly: in 1 step its loss falls from "
            "8.00 to 6.00 nats a token, that of all it trains falls from 8.00 to 2.00; the curve that training shows "
            "is not the answer's.",
        ),
        (
            report(8.0, 2.0, trained=(8.0, 2.5), mask="pad-only"),
            "With pad-only, which trains 1,234 tokens, the answer is being learnt too: in 1 step its loss falls from "
            "8.00 to 2.00 nats a token, that of all it trains falls from 8.00 to 2.50.",
        ),
        (
            report(0.04, 0.04, trained=(8.0, 2.5), mask="pad-only"),
            "With pad-only, which trains 1,234 tokens, the model still knows the answer that it knew before: in 1 step "
            "its loss stays near 0.04, at 0.04 nats a token, that of all it trains falls from 8.00 to 2.50.",
        ),
        (
            report(8.0, 7.0, was_stopped=True),
            "Training broke off: after 2 steps at a learning rate of 0.001 the loss is no finite number any more; "
            "take a lower one.",
        ),
    ],
)  # fmt: skip
def test_a_reading_says_what_the_curves_say(given, expected):
    assert given.reading == expected


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [
        (6.0, "1.00 with our mask and 6.00 with all-tokens: our mask teaches it faster than all-tokens."),
        (1.2, "1.20 with all-tokens: all-tokens teaches it as well on this sample."),
        (0.1, "0.10 with all-tokens: all-tokens teaches it faster on this sample."),
    ],
)
def test_two_masks_are_compared_by_what_the_answer_costs_in_the_end(theirs, verdict):
    said = compare_masks(report(8.0, 1.0), report(8.0, theirs, mask="all-tokens"))
    assert said.startswith("The answer costs 8.00 nats a token before training, and after 1 step ")
    assert said.endswith(verdict)
