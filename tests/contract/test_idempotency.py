"""Whatever creates may be repeated safely."""

from platform_api.app import create_app
from platform_api.openapi import operations

# Why one that creates takes no Idempotency-Key.
WITHOUT_KEY = {
    "accounts_register": "nobody is signed in whose key it could be; the phone number is unique",
    "fleet_register_device": "the answer holds a secret, which is kept nowhere; the uid is unique",
    "api_keys_create": "the answer holds a secret, which is kept nowhere",
    "tracking_links_create": "the answer holds the link, which is kept nowhere",
    "webhooks_create": "the answer holds a secret, which is kept nowhere",
    "administration_begin": "the answer holds a token, which is kept nowhere",
    "privacy_ask_erasure": "the answer holds a code, which is kept nowhere; asked again, the same erasure has a new code",
    "commands_send": "has a key of its own in the body, which the device's answer is told apart by",
}


def test_every_post_that_creates_takes_a_key_or_says_why_not() -> None:
    app = create_app()
    without = set()
    for context, operation in operations(app, app.openapi()):
        names = {parameter.get("name", "").lower() for parameter in operation["parameters"]}
        if context.methods == {"POST"} and "201" in operation["responses"] and "idempotency-key" not in names:
            without.add(operation["operationId"])
    assert without == WITHOUT_KEY.keys()
