"""What a worker tells Prometheus. Counted in pings: received = stored + duplicate + rejected."""

from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from ingest.account_store import Totals
from ingest.track import Ints

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_HOUR_S, _DAY_S = 3600, 86_400
_LATENESS_S = (
    0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, _HOUR_S, 4 * _HOUR_S, 12 * _HOUR_S, _DAY_S, 3 * _DAY_S, 7 * _DAY_S, 35 * _DAY_S,
)  # fmt: skip


class ColumnHistogram(Collector):
    """A histogram of whole columns of milliseconds, told in seconds: one count a batch, not one a ping."""

    def __init__(self, name: str, text: str, bounds_s: Sequence[float], registry: CollectorRegistry) -> None:
        self._name, self._text, self._bounds_s = name, text, bounds_s
        self._bounds_ms = np.array([bound * 1000 for bound in bounds_s])
        self._counts: Ints = np.zeros(len(bounds_s) + 1, np.int64)
        self._sum_ms = 0
        registry.register(self)

    def add_ms(self, values: Ints) -> None:
        if len(values):
            buckets = np.searchsorted(self._bounds_ms, values)
            # A new array: the thread that answers Prometheus may be reading the old one.
            self._counts = self._counts + np.bincount(buckets, minlength=len(self._counts))
            self._sum_ms += int(values.sum())

    def describe(self) -> Iterable[HistogramMetricFamily]:
        return [HistogramMetricFamily(self._name, self._text)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        so_far = np.cumsum(self._counts).tolist()
        bounds = [*(str(float(bound)) for bound in self._bounds_s), "+Inf"]
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric([], list(zip(bounds, so_far, strict=True)), self._sum_ms / 1000)
        return [family]


class Metrics:
    """One set per process, on a registry of its own so that tests can make several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = self._counter("messages", "MQTT messages handled")
        self.received = self._counter("received", "pings received, repeats and refused ones included")
        self.stored = self._counter("stored", "pings stored")
        self.duplicate = self._counter("duplicate", "pings that were stored already")
        self.rejected = Counter(
            "mess_ingest_rejected", "pings refused, by reason", ["reason"], registry=self.registry
        )
        self.late = self._counter("late", "stored pings that were older than their vehicle's state")
        self.crossings = self._counter("crossings", "fence crossings told")
        self.refolded = self._counter("refolded_pings", "pings folded again because of late ones")
        self.batch_seconds = Histogram(
            "mess_ingest_batch_seconds", "time of one batch, commit included", ["lane"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.delay_seconds = Histogram(
            "mess_ingest_delay_seconds", "oldest message of a batch: from arrival to commit", ["lane"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.lateness = ColumnHistogram(
            "mess_ingest_lateness_seconds",
            "stored pings: arrival minus device time",
            _LATENESS_S,
            self.registry,
        )
        self.waiting = Gauge(
            "mess_ingest_waiting_messages", "received, not yet in a batch", ["lane"], registry=self.registry
        )
        self.ledger_waiting = Gauge(
            "mess_ingest_ledger_waiting_rows", "batches not yet folded into the accounts, of all workers",
            registry=self.registry,
        )  # fmt: skip
        self.dead_letters_waiting = Gauge(
            "mess_ingest_dead_letters_waiting", "messages of which something is refused, of all workers",
            registry=self.registry,
        )  # fmt: skip
        self.news_dropped = self._counter("live_updates_dropped", "batches not told to live viewers")
        self.database_retries = self._counter("database_retries", "batches tried again")
        self.retention_deleted = Counter(
            "mess_ingest_retention_deleted", "rows deleted because of their age, by what they were", ["what"],
            registry=self.registry,
        )  # fmt: skip

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"mess_ingest_{name}", text, registry=self.registry)

    def batch(self, totals: Totals, reasons: dict[str, int], crossings: int) -> None:
        self.messages.inc(totals.messages)
        self.received.inc(totals.received)
        self.stored.inc(totals.stored)
        self.duplicate.inc(totals.duplicate)
        self.late.inc(totals.late)
        self.crossings.inc(crossings)
        for reason, count in reasons.items():
            self.rejected.labels(reason).inc(count)

    def lane(self, lane: str, batch_s: float, delay_s: float, waiting: int, backlog_waiting: int) -> None:
        """After each batch of a lane, `live` or `backlog`."""
        self.batch_seconds.labels(lane).observe(batch_s)
        self.delay_seconds.labels(lane).observe(delay_s)
        self.waiting.labels("live").set(waiting)
        self.waiting.labels("backlog").set(backlog_waiting)

    def serve(self, host: str, port: int) -> None:
        """Answer `GET /metrics` from a thread of its own."""
        start_http_server(port, addr=host, registry=self.registry)
