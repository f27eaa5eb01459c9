"""A message of which something was refused. Pure."""

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """One refused ping, or the refusal of the message as a whole."""

    reason: str  # of ingest.ping.REASONS
    detail: str


class Letter(msgspec.Struct, frozen=True):
    """The message, once, and every refusal in it."""

    received_us: int
    topic: str
    device_id: int  # ledger.NO_DEVICE = none that is registered
    device_uid: str | None  # as topic or body say
    payload: bytes  # whole, or its beginning when it is too large to keep
    payload_bytes: int
    refusals: list[Refusal]
