"""How latencies spread when only their average and their p99 are known."""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)


@dataclass(frozen=True)
class Latency:
    """A log-normal spread with this average and this p99, in milliseconds.

    The p99 is always met; the average is where the two allow it (p99 up to 15 times of it).
    """

    average_ms: float
    p99_ms: float

    @cached_property
    def _sigma(self) -> float:
        if self.average_ms <= 0 or self.p99_ms <= self.average_ms:
            return 0.0
        under = _Z99**2 - 2 * math.log(self.p99_ms / self.average_ms)
        return _Z99 - math.sqrt(max(0.0, under))

    def quantile(self, share: float) -> float:
        """The latency in milliseconds that this share of the calls stays under."""
        return self.p99_ms * math.exp(self._sigma * (_NORMAL.inv_cdf(share) - _Z99))
