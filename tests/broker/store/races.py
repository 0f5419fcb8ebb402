"""Real processes that do something to one database at the same moment."""

import multiprocessing
from collections.abc import Callable, Iterable
from multiprocessing.synchronize import Barrier
from typing import Any

from broker.store.engine import Database

PATIENCE_SECONDS = 60

PROCESS = multiprocessing.get_context("forkserver")


def together(work: Callable[..., object], url: str, arguments: Iterable[object]) -> list[Any]:
    """Run the work in a process for each argument, all at the same moment; return what they say."""
    arguments = list(arguments)
    start = PROCESS.Barrier(len(arguments))
    answers = PROCESS.SimpleQueue()
    processes = [
        PROCESS.Process(target=_one, args=(work, url, argument, start, answers))
        for argument in arguments
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return [answers.get() for _ in processes]


def _one(
    work: Callable[..., object], url: str, argument: object, start: Barrier, answers: Any
) -> None:
    database = Database(url)
    start.wait(PATIENCE_SECONDS)
    answers.put(work(database, argument))
    database.close()
