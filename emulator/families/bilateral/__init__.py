"""The bilateral law: lines that carry a wave each way, between junctions that are solved for what they reflect."""

from emulator.families.bilateral.family import BILATERAL, BilateralFamily
from emulator.families.bilateral.layout import BilateralLayout, lay_out

__all__ = ["BILATERAL", "BilateralFamily", "BilateralLayout", "lay_out"]
