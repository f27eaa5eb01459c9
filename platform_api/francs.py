"""Amounts of money as texts for people show them."""


def francs(amount_xof: int) -> str:
    """25000 -> "25 000 F CFA"."""
    return f"{amount_xof:,} F CFA".replace(",", " ")
