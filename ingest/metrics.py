"""What a worker tells Prometheus. Counted in pings: received = stored + duplicate + rejected."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ingest.account_store import Totals

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


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
        self.waiting = Gauge(
            "mess_ingest_waiting_messages", "received, not yet in a batch", ["lane"], registry=self.registry
        )
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
