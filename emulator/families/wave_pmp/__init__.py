"""Wave-PMP: Algorithm 1 of the paper."""

from emulator.families.wave_pmp.family import WAVE_PMP
from emulator.families.wave_pmp.metric import carried
from emulator.families.wave_pmp.power import EnergyBalance, energy_balance
from emulator.families.wave_pmp.rest import bias_of

__all__ = ["WAVE_PMP", "EnergyBalance", "bias_of", "carried", "energy_balance"]
