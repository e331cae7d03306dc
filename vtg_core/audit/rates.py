"""In how many rows of a file something is, as far as a sample of them tells."""

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""The normal distribution holds 95 % between minus this and this."""


@dataclass(frozen=True)
class Rate:
    """How many of the rows that were drawn have something.

    Attributes:
        count: of them.
        num_rows: that were drawn, at least 1.
    """

    count: int
    num_rows: int

    @property
    def share(self) -> float:
        """Of the rows that were drawn, 0 to 1."""
        return self.count / self.num_rows

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares that of the file lies, at 95 %: Wilson's, which is right for shares near 0 too.

        Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (158), 1927.
        """
        n, p, z2 = self.num_rows, self.share, Z * Z
        middle, half = p + z2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
        return (0.0 if self.count == 0 else max(low, 0.0)), (1.0 if self.count == n else min(high, 1.0))

    @property
    def in_words(self) -> str:
        """As in ``0 of 2,000, below 0.2 % at 95 %``."""
        low, high = self.interval
        of = f"{self.count:,} of {self.num_rows:,}"
        if not self.count:
            return f"{of}, below {_rounded_up(high)} at 95 %"
        if self.count == self.num_rows:
            return f"{of}, above {100 * low:.1f} % at 95 %"
        return f"{of}, {_percent(self.share)}, {_percent(low)} to {_percent(high)} at 95 %"

    def as_dict(self) -> dict[str, float]:
        """Return it as values that JSON can hold."""
        low, high = self.interval
        return {"rows": self.count, "of": self.num_rows, "rate": self.share, "low": low, "high": high}


def _rounded_up(share: float) -> str:
    """Return a share with one digit, which is not below it."""
    unit: float = 10.0 ** math.floor(math.log10(100 * share))
    return f"{math.ceil(100 * share / unit - 1e-9) * unit:g} %"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.4g} %"
