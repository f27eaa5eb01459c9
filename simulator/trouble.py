"""A named mixture of faults, as the command line spells it, applied in the one sensible order."""

import dataclasses
from collections.abc import Iterable, Iterator

from . import faults
from .fix import Fix, Message


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """Shares are probabilities per fix or message; 0 switches a fault off."""

    gaps_per_h: float = 0.0
    gap_minutes: float = 15.0
    gaps_live: bool = False  # upload kept fixes on the live topic
    newest_first: bool = False  # upload kept fixes from the newest
    duplicates: float = 0.0
    repeats: float = 0.0
    disorder: float = 0.0
    silence_per_h: float = 0.0  # spells without power: nothing recorded
    missing: float = 0.0
    zero: float = 0.0
    clock: float = 0.0


# What the bare name switches on. TSBS iot: 5 % late batches, 10 % missing entries, 10 % zeroed fields.
DEFAULTS: dict[str, tuple[str, float | bool]] = {
    "gaps": ("gaps_per_h", 1.0),
    "gap-minutes": ("gap_minutes", 15.0),
    "gaps-live": ("gaps_live", True),
    "newest-first": ("newest_first", True),
    "duplicates": ("duplicates", 0.05),
    "repeats": ("repeats", 0.05),
    "disorder": ("disorder", 0.05),
    "silence": ("silence_per_h", 0.5),
    "missing": ("missing", 0.1),
    "zero": ("zero", 0.02),
    "clock": ("clock", 0.02),
}
NEEDS_GAPS = {"gap-minutes", "gaps-live", "newest-first"}


def parse_trouble(text: str) -> Trouble:
    """`"gaps,duplicates=0.1"`, or `"all"`. ValueError in plain words for what is not understood."""
    names = list(DEFAULTS) if text.strip() == "all" else [p.strip() for p in text.split(",") if p.strip()]
    chosen: dict[str, float | bool] = {}
    if text.strip() == "all":
        names.remove("gaps-live")
    for part in names:
        name, _, value = part.partition("=")
        if name not in DEFAULTS:
            raise ValueError(f"unknown fault {name!r}; known are: all, {', '.join(DEFAULTS)}")
        field, default = DEFAULTS[name]
        chosen[field] = _number(name, value, default) if value else default
        if name in NEEDS_GAPS:
            chosen.setdefault("gaps_per_h", 1.0)
    return Trouble(**chosen)  # type: ignore[arg-type]


def _number(name: str, value: str, default: float | bool) -> float:
    if isinstance(default, bool):
        raise ValueError(f"fault {name!r} takes no value")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"fault {name!r} needs a number, not {value!r}") from None
    share = name not in ("gaps", "gap-minutes", "silence")
    if not 0 <= number <= (1.0 if share else 1440.0):
        raise ValueError(f"fault {name!r}: {value} is out of range")
    return number


def publish_schedule(
    fixes: Iterable[Fix], trouble: Trouble, *, seed: str, batch: int = 1, first_seq: int = 1
) -> Iterator[Message]:
    """Record, number and schedule fixes, with every fault of `trouble` on the way."""
    if trouble.silence_per_h:
        fixes = faults.silenced(fixes, seed=seed, every_s=3600.0 / trouble.silence_per_h)
    recorded = faults.zeroed(faults.dropped(fixes, trouble.missing, seed=seed), trouble.zero, seed=seed)
    messages = faults.scheduled(faults.numbered(recorded, first_seq), batch=batch)
    if trouble.clock:
        messages = faults.clock_jumped(messages, trouble.clock, seed=seed)
    if trouble.gaps_per_h:
        messages = faults.with_gaps(
            messages,
            seed=seed,
            every_s=3600.0 / trouble.gaps_per_h,
            length_s=trouble.gap_minutes * 60.0,
            backlog=not trouble.gaps_live,
            newest_first=trouble.newest_first,
        )
    if trouble.repeats:
        messages = faults.repeated(messages, trouble.repeats, seed=seed)
    if trouble.duplicates:
        messages = faults.duplicated(messages, trouble.duplicates, seed=seed)
    if trouble.disorder:
        messages = faults.disordered(messages, trouble.disorder, seed=seed)
    return messages
