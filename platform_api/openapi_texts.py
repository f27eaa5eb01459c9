"""What the OpenAPI pages say of the whole API: introduction, tags, parameters and headers of every endpoint."""

from typing import Any

DESCRIPTION = """\
Freight brokerage and truck dispatching for Senegal, on vehicle telemetry.

**Signing in.** `POST /api/v1/auth/login/` answers an access token: `Authorization: Bearer <token>`.

**Errors** are `{"code", "detail", "request_id"}`. Look at `code`, which never changes; `detail` is for people, in
French or English by `Accept-Language`. Each endpoint lists its codes with an example of each.

**Lists** take `limit` and `cursor` and answer `{"items", "next_cursor"}`; hand `next_cursor` back for the next page.

**Repeating.** A POST that creates takes an `Idempotency-Key` of yours: the same request again, within seven days,
creates nothing and answers the same, with the header `Idempotency-Replayed: true`.

**Changing.** What people edit has a version: answers carry it as `ETag`. Send it back as `If-Match` and a change that
somebody else made in between answers 412 `version_mismatch` and changes nothing.

**Request ids.** Every answer has an `X-Request-Id`; send one of your own to have it kept.

Times are RFC 3339 in UTC, money is a whole number of XOF, coordinates are WGS 84 degrees.
"""

TAGS = {
    "organisations": "Businesses with members: whom somebody acts for, and who may join.",
    "profiles": "What the market knows of a business.",
    "kyc": "Papers that prove who a business is, and their review.",
    "API keys": "Keys for programs, with scopes.",
    "webhooks": "What is told to your own systems, signed and retried.",
    "exports": "Everything of a period as one file.",
    "administration": "What only administrators do: acting as somebody else with a trace, and the record of changes.",
    "disputes": "A delivery that is contested: evidence, messages, verdict.",
    "ratings": "Ratings both ways, and how reliable a carrier is.",
    "incidents": "What happened on the road.",
    "health": "Whether the platform works.",
    "accounts": "Who you are: registering, signing in and out, tokens.",
    "files": "Photos and documents: uploaded once, then named by id where they belong.",
    "fleet": "A carrier's vehicles, drivers and devices.",
    "commands": "What devices are told to do, and what came of it.",
    "geofences": "Areas that are watched.",
    "orders": "An order from draft to done, with its history.",
    "market": "How an order is given away: bids, counter-offers, direct offers, freight brokers, suggestions.",
    "execution": "What the crew does on the road: loading, delivery, the proof of it.",
    "waybills": "Lettres de voiture: issued, printed, voided, and verified by whoever holds the paper.",
    "alerts": "An inbox of what somebody should look at.",
    "detention": "Waiting at a pickup or delivery: what it costs, claims and their answers.",
    "tracking links": "A link for the consignee: that order alone, without signing in.",
    "telemetry": "Where vehicles are, what they did, and by what they are judged.",
    "duty": "A driver's duty, and whether his phone is followed.",
    "privacy": "A driver's rights over his data.",
    "tracking": "Where the truck of an order is and was, and which trucks are free nearby.",
    "accounting": "What each device sent, and what of it was refused.",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "Accept-Language": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Language of texts for people, `fr` or `en` (RFC 9110 12.5.4); English when left out.",
        "schema": {"type": "string", "maxLength": 200},
        "example": "fr-SN, fr;q=0.9, en;q=0.5",
    },
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "An id of your own, kept when it has up to 64 of `A-Z a-z 0-9 . _ -`.",
        "schema": {"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "order-4711",
    },
}

RESPONSE_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Quote it when you ask for help.",
        "schema": {"type": "string"},
        "example": "7f3c2b7e0d9d4c59",
    },
    "Content-Language": {"description": "`fr` or `en`", "schema": {"type": "string", "enum": ["fr", "en"]}},
    "Retry-After": {"description": "Seconds to wait", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "ETag": {
        "description": "The version, for `If-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
        "example": '"7"',
    },
    "Idempotency-Replayed": {
        "description": "Present when nothing was done, because it had been done before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
