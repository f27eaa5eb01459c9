"""Tokens that say nothing by themselves: the platform keeps a hash and looks it up. Pure."""

import hashlib


def hash_of(token: str) -> str:
    """Hex SHA-256. These tokens are random and long, so that neither a salt nor a slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
