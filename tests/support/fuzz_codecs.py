"""Fuzzing of every codec, guided by coverage: `make fuzz`, or `python -m tests.support.fuzz_codecs` with atheris at hand.

The first byte of an input picks the codec, the rest is the payload. Seeds are the recordings in tests/vectors. An input
fails unless it comes to a `Decoded` that the steps and the COPY encoder take (`tests.support.codec_fuzz`); it is then
printed for `mess decode`, and the exit code is not 0.
"""

import argparse
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["ingest.codecs", "ingest.steps", "ingest.copy_rows"]):
    from ingest.codecs.registry import CODECS
    from tests.support.codec_fuzz import check_codec, mutated, seeds

FOLDER = Path(".mess/fuzz")
MAX_BYTES = 4096
# libFuzzer's own mutations are blind to JSON: most of what they make is `malformed`.
BLIND = 0.3


class Fuzzing:
    """Inputs until `seconds` are over, and what they came to."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._inputs: Counter[str] = Counter()
        self._pings: Counter[str] = Counter()

    def test(self, data: bytes) -> None:
        if time.monotonic() - self._began > self._seconds:
            self.say()
            # libFuzzer has no orderly end from within an input.
            sys.stdout.flush()
            os._exit(0)
        if len(data) < 2:
            return
        codec = CODECS[data[0] % len(CODECS)]
        self._inputs[codec.slug] += 1
        try:
            decoded = check_codec(codec, data[1:])
        except Exception:
            traceback.print_exc()
            print(f"\n{codec.name} fails on: echo {data[1:].hex()} | mess decode --codec {codec.slug} --hex")
            self.say()
            sys.stdout.flush()
            os._exit(1)
        if decoded is not None:
            self._pings[codec.slug] += len(decoded.pings)

    def say(self) -> None:
        print(f"\n{'codec':<24}{'inputs':>12}{'pings':>12}")
        for codec in CODECS:
            print(f"{codec.slug:<24}{self._inputs[codec.slug]:>12}{self._pings[codec.slug]:>12}")
        total, spent = self._inputs.total(), time.monotonic() - self._began
        print(f"{'together':<24}{total:>12}{self._pings.total():>12}   in {spent:.0f} s")


def other_input(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's mutator: bytes blindly, or the structure of the payload, or the codec that gets it."""
    random = Random(seed)
    if random.random() < BLIND or len(data) < 2:
        return bytes(atheris.Mutate(data, max_size))
    number = data[0] if random.random() < 0.98 else random.randrange(len(CODECS))
    return (bytes([number]) + mutated(data[1:], random))[:max_size]


def prepare_corpus() -> Path:
    """The recordings as inputs; what an earlier run kept belongs to the codecs of that time."""
    corpus = FOLDER / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    for count, (number, payload) in enumerate(seeds()):
        (corpus / f"seed-{count}").write_bytes(bytes([number]) + payload[: MAX_BYTES - 1])
    return corpus


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz every codec.")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments, for_libfuzzer = parser.parse_known_args()
    assert len(CODECS) <= 256, "one byte picks the codec"
    fuzzing = Fuzzing(arguments.seconds)
    options = [f"-artifact_prefix={FOLDER}/", f"-max_len={MAX_BYTES}", "-timeout=10", "-verbosity=0"]
    options += [*for_libfuzzer, str(prepare_corpus())]
    atheris.Setup([sys.argv[0], *options], fuzzing.test, custom_mutator=other_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
