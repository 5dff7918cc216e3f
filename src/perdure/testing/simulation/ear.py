"""Hears of errors that perdure met in itself and survived. Of faults, which it logs too, there are too many to listen."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

OWN_FAULT = "perdure failed"
logger = logging.getLogger("perdure")


class _Ear(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None and record.getMessage().startswith(OWN_FAULT):
            self._heard.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@contextmanager
def listening(heard: list[str]) -> Generator[None]:
    """Add what perdure says of its own faults to `heard`; nothing that it logs goes anywhere else."""
    ear, level, propagate = _Ear(heard), logger.level, logger.propagate
    logger.addHandler(ear)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.setLevel(level)
        logger.propagate = propagate
