"""What a provider says of a text that it did not take."""

from platform_api.sms.rules import Outcome


class SendError(Exception):
    """`outcome` says whether it may be tried again, `reason` is for the log and never holds the text."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason
