"""A codec mended while a test runs, as a new version of the platform would have it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ingest.codecs import registry
from ingest.codecs.codec import Limits
from ingest.ping import Decoded


@contextmanager
def mended(slug: str, decode: Callable[[bytes, Limits], Decoded]) -> Iterator[None]:
    """The format's codec reads with `decode` during the block."""
    new = replace(registry.BY_SLUG[slug], decode=decode, plain=None)
    patterns = tuple((pattern, new if codec.slug == slug else codec) for pattern, codec in registry._PATTERNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_PATTERNS", patterns)
        registry._route.cache_clear()
        try:
            yield
        finally:
            registry._route.cache_clear()
