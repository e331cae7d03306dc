"""The whole corpus, and what the audit makes of it as figures."""

from collections import Counter

from tests.audit.corpus import (
    broken_batches,
    broken_masks,
    broken_video,
    broken_words,
    foreign_paths,
    honest,
)
from tests.audit.corpus.entries import Outcome
from tests.audit.corpus.world import judge

ENTRIES = (
    *honest.ENTRIES,
    *broken_masks.ENTRIES,
    *broken_words.ENTRIES,
    *broken_video.ENTRIES,
    *broken_batches.ENTRIES,
    *foreign_paths.ENTRIES,
)


def figures() -> dict[str, float]:
    """Audit every entry, print those that are not as they should be, and return the shares of the others.

    A known miss counts as what it is.
    """
    verdicts = [judge(entry) for entry in ENTRIES]
    for verdict in verdicts:
        if not verdict.is_right:
            print(f"  {verdict.outcome}: {verdict.entry.name} ({verdict.entry.situation}): {verdict.shown}")
    of_broken = Counter(verdict.outcome for verdict in verdicts if not verdict.entry.is_honest)
    of_honest = Counter(verdict.outcome for verdict in verdicts if verdict.entry.is_honest)
    broken, caught, misnamed = of_broken.total(), of_broken[Outcome.CAUGHT], of_broken[Outcome.MISNAMED]
    print(
        f"  of {broken} broken: caught {caught}, misnamed {misnamed}, missed {of_broken[Outcome.MISSED]}; "
        f"of {of_honest.total()} honest: false {of_honest[Outcome.FALSE]}",
        flush=True,
    )
    return {
        "audit_recall": (caught + misnamed) / broken,
        "audit_named": caught / broken,
        "audit_false_alarms": float(of_honest[Outcome.FALSE]),
    }
