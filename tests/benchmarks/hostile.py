"""What comes of the hostile corpus (:mod:`tests.hostile`), and of fifty visitors who come at once."""

import tempfile
from pathlib import Path

from tests.browser.conftest import Server
from tests.hostile.run import MAX_PEAK_MB, MAX_SECONDS, read_all, write_corpus
from tests.hostile.visitors import visit_at_once

NUM_VISITORS = 50


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(read_all(write_corpus(Path(folder))))
    bad = [o for o in outcomes if o.fault or o.peak_mb > MAX_PEAK_MB or o.seconds > MAX_SECONDS]
    for outcome in bad:
        print(f"  {outcome.path.name}: {outcome.fault} {outcome.peak_mb:,.0f} MB, {outcome.seconds:.1f} s")
    server = Server("--num-frames", "8").wait()
    visitors = visit_at_once(server.url, NUM_VISITORS)
    server.stop()
    print(f"  {sum(v.num_told > 0 for v in visitors)} of {NUM_VISITORS} visitors were told to wait")
    return {
        "hostile_files": len(outcomes),
        "hostile_bad": len(bad),
        "hostile_peak_mb": max(outcome.peak_mb for outcome in outcomes),
        "visitors_50_stuck": sum(not visitor.is_served for visitor in visitors),
    }
