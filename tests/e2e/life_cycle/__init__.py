"""Chapters of `tests/e2e/test_life_cycle.py`: each plays its part over HTTP and leaves what the next one needs."""
