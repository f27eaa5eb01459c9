"""The role walk: every endpoint, called by every role, by strangers of every role, and by nobody.

A new endpoint needs an entry, else `test_every_endpoint_has_an_entry` fails by its name. Put it into
`of_<feature>.py` beside this file (any module of that name is found), in the list ENTRIES:

    Entry("GET /api/v1/orders/{order_id}/", at("order_id"), ok="shipper carrier driver administrator"),
    Entry("POST /api/v1/orders/", lambda w: Call(body=ORDER), ok="shipper broker administrator", forbidden="carrier driver"),
    Entry(
        "POST /api/v1/orders/{order_id}/post/",
        lambda w: Call({"order_id": w.draft()}),
        ok="shipper administrator",
    ),

`call` is asked anew for every caller: make a fresh object where the call changes it (`w.draft()`), take the
world's standing one where it only reads (`at("order_id")` is `Call({"order_id": w.order_id})`). What your
feature needs more, make with plain functions of the world in your file.

The callers of `World`: `shipper`, `carrier`, `driver` (of that carrier), `broker`, `administrator`; the standing
order is the shipper's, and the carrier and the driver are on it. `other_shipper`, `other_carrier`, `other_driver`
and `other_broker` have nothing to do with any of it (an administrator sees everything, so there is no other one).

What is expected of each caller:

| caller | answer |
|---|---|
| named in `but` | what it says: `but={"carrier": "403"}` |
| his role in `forbidden` | 403, also for the stranger of that role |
| his role in `ok` | 2xx, or one of `also` (a 409 of an object in the wrong state lets him in as well) |
| stranger whose role is in `ok` | the same where the address has no place `{...}`, for he asks of his own |
| anybody else | 404 when the address has a place, else 403 |
| nobody | 401; with `public=True` as if he were in `ok` |

Besides, a 404, and whatever a stranger is refused with, must be the same, byte for byte but for the request id, as
the answer about an id that does not exist; and nothing of the world may stand in what a stranger is answered.
`open=True` lifts both from what everybody may know of (a catalogue), `open="other_carrier"` for those callers alone.
"""
