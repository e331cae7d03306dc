"""What a mean over samples lies between, by the bootstrap."""

import math

import numpy as np

CONFIDENCE = 0.95
"""The share of such intervals that hold the mean of all samples there could be."""


def widening(num_samples: int, num_comparisons: int) -> float:
    """Return by what factor an interval is widened so that all of so many hold their means with ``CONFIDENCE``.

    This is Bonferroni's bound: each interval alone fails with a share of what all of them may fail together. Resampling
    says little about tails so far out, so that each half is widened as Student's interval would be.

    Args:
        num_samples: that the interval is of, at least 2.
        num_comparisons: how many intervals are read together, at least 1.

    Source: Dunn, Multiple Comparisons Among Means, Journal of the American Statistical Association 56 (293), 1961.
    """
    from scipy.stats import t

    tail = (1 - CONFIDENCE) / 2
    return float(t.ppf(tail / num_comparisons, num_samples - 1) / t.ppf(tail, num_samples - 1))


def mean_intervals(
    values: np.ndarray, *, num_resamples: int = 2_000, seed: int = 0
) -> list[tuple[float, float] | None]:
    """Return for each column what its mean lies between, by the expanded percentile bootstrap over samples.

    All columns are drawn together: what is drawn is samples, and a sample's values belong together. Plain percentiles
    are too narrow for few samples (of ten, 90 % of them hold the mean, of six 86 %); the expanded ones leave the tails
    that make a normal interval as wide as Student's.

    Args:
        values: float64, shape (samples, columns), finite.
        num_resamples: at least 1.
        seed: equal values and seeds give equal intervals.

    Returns:
        (lower end, upper end) of each column; None for all where there are fewer than two samples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3; Hesterberg, What Teachers Should
    Know About the Bootstrap, The American Statistician 69 (4), 2015, on expanded percentile intervals.
    """
    count = len(values)
    if count < 2:
        return [None] * values.shape[1]
    from scipy.stats import bootstrap, norm, t

    tail = norm.cdf(math.sqrt(count / (count - 1)) * t.ppf((1 - CONFIDENCE) / 2, count - 1))

    def means(drawn: np.ndarray, axis: int) -> np.ndarray:
        """Return the columns' means, shape (columns, ...), for numbers of samples of shape (..., samples)."""
        lines = drawn.reshape(-1, count)
        at = lines + count * np.arange(len(lines))[:, None]
        times_drawn = np.bincount(at.ravel(), minlength=lines.size).reshape(lines.shape)
        return (values.T @ times_drawn.T / count).reshape(values.shape[1], *drawn.shape[:-1])

    interval = bootstrap(
        (np.arange(count),), means, vectorized=True, axis=-1, n_resamples=num_resamples,
        batch=max(1, _MOST_AT_ONCE // count), confidence_level=1 - 2 * float(tail), method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return list(zip(interval.low.tolist(), interval.high.tolist(), strict=True))


_MOST_AT_ONCE = 1_000_000
"""So many numbers of samples are drawn at once: 8 MB."""
