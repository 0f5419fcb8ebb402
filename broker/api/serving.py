"""Runs the application in this process: the event loop, the parser, and the collector of garbage."""

from __future__ import annotations

import gc
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

YOUNG_OBJECTS: Final = 20_000
"""So many more containers are made than freed before the collector looks at the young ones."""


def run(app: FastAPI, listener: socket.socket, **options: Any) -> None:
    """Serve until stopped; `options` are those of uvicorn."""
    config = uvicorn.Config(
        app,
        log_config=None,  # its records go the way of ours, which hides secrets
        access_log=False,  # it would write query strings; our own line does not
        server_header=False,
        proxy_headers=False,
        loop="auto",  # uvloop and httptools where they are installed, as with our extra
        http="auto",
        **options,
    )
    spare_the_collector()
    uvicorn.Server(config).run(sockets=[listener])


def spare_the_collector() -> None:
    """Leave what is there for good out of collections, and collect less often.

    Modules and models are hundreds of thousands of objects that never become garbage. Walking
    through them again and again took a sixth of a grant, and held up whoever came meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
