"""An activation: one record of all its forms."""

from __future__ import annotations

import numpy as np

from emulator.network import ActivationFunction

SOFTSIGN = ActivationFunction(
    name="softsign",
    phi=lambda s: s / (1 + np.abs(s)),
    dphi=lambda s: 1 / (1 + np.abs(s)) ** 2,
    d2phi=lambda s: -2 * np.sign(s) / (1 + np.abs(s)) ** 3,
    brian2=("s/(1 + abs(s))", "1/(1 + abs(s))**2"),
)
