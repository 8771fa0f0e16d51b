"""How large a crossbar can be built."""

from __future__ import annotations

from typing import Annotated

from hwmodels.fields import Quantity, Section


class Tiles(Section):
    """Largest crossbar: larger ones are split into tiles, whose partial sums meet in adders."""

    rows: Annotated[int, Quantity("1", low=1, whole=True)] | None = None
    """Most inputs of one crossbar; absent: any number."""
    columns: Annotated[int, Quantity("1", low=1, whole=True)] | None = None
    """Most outputs of one crossbar; absent: any number."""
