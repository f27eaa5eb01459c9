"""How late positions arrive: counts in fixed buckets, and what can be read from them. Pure.

The buckets are the same for every device and day and for ever: counts are stored, and added up. Each is at most a tenth
wide, so a quantile read from them is at most a tenth too high.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_MS = 100
PER_DECADE = 25
BUCKETS = 264
# Upper bounds, inclusive, from 0.1 s to a hundred years; what is beyond counts in the last bucket.
BOUNDS_MS: tuple[int, ...] = tuple(round(FIRST_MS * 10 ** (n / PER_DECADE)) for n in range(BUCKETS))
_BOUNDS = np.array(BOUNDS_MS, np.int64)


def bucket_of(lateness_ms: NDArray[np.int64]) -> NDArray[Any]:
    """The bucket of each lateness; none is negative."""
    return np.minimum(np.searchsorted(_BOUNDS, lateness_ms), BUCKETS - 1)


def quantile_ms(counts: Sequence[int], share: float) -> int | None:
    """The upper bound of the bucket with the value that `share` of all do not exceed; None without any.

    `counts` may leave out empty buckets at its end.
    """
    total = sum(counts)
    if not total:
        return None
    rank = max(1, math.ceil(share * total))
    return BOUNDS_MS[int(np.searchsorted(np.cumsum(counts), rank))]


def mean_ms(total_ms: int, count: int) -> float | None:
    return total_ms / count if count else None
