"""`python -m ingest`: one ingest worker, configured by the environment."""

import gc
import sys

import uvloop

from config.logging import configure_logging, get_logger
from config.settings import get_settings
from ingest.listener import RefusedByBrokerError
from ingest.worker import run_worker


def main() -> int:
    settings = get_settings()
    configure_logging(settings)
    # The thread that waits for the database gets its turn soon after the answer, not 5 ms later.
    sys.setswitchinterval(0.0005)
    # A batch makes some hundred thousand small objects and no cycles; the default threshold would
    # look through all of them over and over (measured: a third of the worker's time).
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    try:
        uvloop.run(run_worker(settings))
    except RefusedByBrokerError as error:
        # Trying again with the same credentials only fills the broker's log.
        get_logger(__name__).error("stopped", reason=str(error))
        return 2
    except OSError as error:
        get_logger(__name__).error("stopped: the broker cannot be reached", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
