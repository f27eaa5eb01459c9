"""A histogram of columns tells Prometheus what one of single values would."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from ingest.metrics import ColumnHistogram

BOUNDS_S = (0.2, 1, 60)


def numbers(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        if not name.endswith("_created")
    }


VALUES_MS = st.one_of(st.integers(0, 100_000), st.sampled_from([200, 201, 1000, 1001, 60_000]))


@settings(deadline=None)
@given(st.lists(st.lists(VALUES_MS, max_size=8), max_size=4))
def test_it_is_the_histogram_of_the_library(batches: list[list[int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    columns = ColumnHistogram("late", "how late", BOUNDS_S, ours)
    single = Histogram("late", "how late", buckets=BOUNDS_S, registry=theirs)
    for batch in batches:
        columns.add_ms(np.array(batch, np.int64))
        for value in batch:
            single.observe(value / 1000)
    told, expected = numbers(ours), numbers(theirs)
    assert told.keys() == expected.keys()
    assert all(abs(told[name] - expected[name]) < 1e-6 for name in told)
