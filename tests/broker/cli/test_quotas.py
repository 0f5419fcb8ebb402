"""Quotas at the command line."""

import json

from tests.broker.cli.commands import run


def test_the_command_line_sets_lists_and_removes_quotas(sqlite_url: str) -> None:
    words = ("quotas", "set", "chat", "b200", "--guaranteed", "8", "--json")
    made = json.loads(run(*words, database_url=sqlite_url).stdout)
    listed = run("quotas", "list", "--json", database_url=sqlite_url).stdout
    removed = run("quotas", "remove", "chat", "B200", database_url=sqlite_url)
    wrong = run("quotas", "remove", "chat", "B200", database_url=sqlite_url)

    assert (made["gpu_model"], made["guaranteed"], made["most"]) == ("B200", 8, None)
    assert json.loads(listed) == [made]
    assert (removed.exit_code, wrong.exit_code) == (0, 2)
