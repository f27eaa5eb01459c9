"""Several people at once, each in a transaction of his own."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Barrier, Thread

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.database import transaction
from platform_api.error_handlers import translate_integrity
from platform_api.errors import PlatformError

Act = Callable[[Session, datetime], object]


def race(*acts: Act) -> list[str]:
    """Run each in its own transaction at once: "ok", or the code of the refusal."""
    outcomes = [""] * len(acts)
    start = Barrier(len(acts), timeout=30)

    def run(number: int, act: Act) -> None:
        try:
            with transaction() as session:
                session.connection()
                start.wait()
                act(session, datetime.now(UTC))
            outcomes[number] = "ok"
        except PlatformError as error:
            outcomes[number] = error.code
        except IntegrityError as error:
            translated = translate_integrity(error)
            outcomes[number] = translated.code if translated else repr(error)

    threads = [Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
