"""`make bench`: ingest and backlog on this machine, one after the other, with targets, ratios and a table to keep."""

import argparse

from bench import backlog, ingest
from bench.report import Report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    ingest.options_of(parser)
    backlog.options_of(parser)
    options = parser.parse_args()
    options.only = None
    report = Report()
    ingest.run(options, report)
    backlog.run(options, report)
    report.ratios()
    report.say("\n" + "\n".join(report.table()))


if __name__ == "__main__":
    main()
