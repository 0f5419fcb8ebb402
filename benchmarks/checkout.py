"""Puts this checkout first on the path: gpuhunt, of the extra `bench`, ships a package `tests`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
