"""What an overfit check shows, in one sentence for a newcomer: what the curves say and nothing else."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vtg_core.probes.overfit import OverfitReport, OverfitStep

LEARNT = 0.5
"""To at most this part of what it was must a loss fall to be called learnt."""

STAYS = 0.05
"""A loss that ends within this part of where it began stays."""

KNOWN_NLL = 0.05
"""Below so many nats a token, a probability of 95 %, there is nothing left to learn."""

OURS = "ours"


def read_overfit(report: "OverfitReport") -> str:
    """Return whether the answer is being learnt, and what that says of the mask that was trained."""
    first, last = report.steps[0], report.steps[-1]
    if report.was_stopped:
        return (
            f"Training broke off: after {_steps(last.step + 1)} at a learning rate of {report.learning_rate:g} the "
            "loss is no finite number any more; take a lower one."
        )
    if report.mask == OURS:
        return _read_ours(first, last)
    return _read_other(report, first, last)


def compare_masks(ours: "OverfitReport", other: "OverfitReport") -> str:
    """Return how two masks teach the same answer, in one sentence.

    Args:
        ours: of the response-only mask.
        other: of the same sample, model, kind of weights and learning rate, trained on another mask.
    """
    num_steps = min(len(ours.steps), len(other.steps)) - 1
    before, own, their = ours.steps[0], ours.steps[num_steps], other.steps[num_steps]
    if abs(own.response_nll - their.response_nll) <= STAYS * before.response_nll:
        verdict = f"{other.mask} teaches it as well on this sample"
    elif own.response_nll < their.response_nll:
        verdict = f"our mask teaches it faster than {other.mask}"
    else:
        verdict = f"{other.mask} teaches it faster on this sample"
    return (
        f"The answer costs {before.response_nll:.2f} nats a token before training, and after {_steps(num_steps)} "
        f"{own.response_nll:.2f} with our mask and {their.response_nll:.2f} with {other.mask}: {verdict}."
    )


def _read_ours(first: "OverfitStep", last: "OverfitStep") -> str:
    answer = f"in {_steps(last.step)} its loss {_goes(first.response_nll, last.response_nll)} nats a token"
    prompt = ""
    if first.prompt_nll is not None and last.prompt_nll is not None:
        prompt = f", and that of the prompt's text, which is not trained, {_goes(first.prompt_nll, last.prompt_nll)}"
    if max(first.response_nll, last.response_nll) < KNOWN_NLL:
        return f"The model knew this answer before it was trained: {answer}{prompt}."
    if _is_learnt(first.response_nll, last.response_nll):
        return f"The answer is being learnt: {answer}{prompt}."
    if last.response_nll < (1 - STAYS) * first.response_nll:
        return f"The answer is being learnt slowly: {answer}{prompt}; take more steps to see where it ends."
    return f"The answer is not being learnt: {answer}{prompt}; take another learning rate before you doubt the mask."


def _read_other(report: "OverfitReport", first: "OverfitStep", last: "OverfitStep") -> str:
    answer = f"in {_steps(last.step)} its loss {_goes(first.response_nll, last.response_nll)} nats a token"
    trained = f"that of all it trains {_goes(first.trained_nll, last.trained_nll)}"
    mask = f"{report.mask}, which trains {report.num_trained_tokens:,} tokens"
    if max(first.response_nll, last.response_nll) < KNOWN_NLL:
        return f"With {mask}, the model still knows the answer that it knew before: {answer}, {trained}."
    if _is_learnt(first.response_nll, last.response_nll):
        return f"With {mask}, the answer is being learnt too: {answer}, {trained}."
    hides = ""
    if last.trained_nll < (1 - STAYS) * first.trained_nll:
        hides = "; the curve that training shows is not the answer's"
    if last.response_nll < (1 - STAYS) * first.response_nll:
        return f"With {mask}, the answer is learnt slowly: {answer}, {trained}{hides}."
    return f"With {mask}, the answer is not learnt: {answer}, {trained}{hides}."


def _is_learnt(first: float, last: float) -> bool:
    return last <= LEARNT * first


def _goes(first: float, last: float) -> str:
    if abs(last - first) <= STAYS * first:
        return f"stays near {first:.2f}, at {last:.2f}"
    return f"{'falls' if last < first else 'rises'} from {first:.2f} to {last:.2f}"


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number:,} steps"
