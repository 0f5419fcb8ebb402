"""How many plans a list holds; apart, so that a command line can say so without the database."""

from __future__ import annotations

from typing import Final

MOST_PLANS: Final = 500
USUAL_PLANS: Final = 50
