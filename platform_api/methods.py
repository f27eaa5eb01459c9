"""HTTP methods that change nothing (RFC 9110 9.2.1), as far as endpoints have them."""

READING = frozenset({"GET", "HEAD"})
