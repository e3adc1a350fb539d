"""Maps that make the wide range of charges narrow and keep negative pixels apart from positive ones."""

from __future__ import annotations

from torch import Generator
from torch import Tensor

from gammalearn_core.builtin.transforms.channels import require_channels
from gammalearn_core.builtin.transforms.channels import with_channels
from gammalearn_core.builtin.transforms.channels import with_images
from gammalearn_core.data.batch import Batch
from gammalearn_core.data.batch import Images
from gammalearn_core.data.specs import InputSpec


class _ChargeMap:
    """A function of charge in units of ``scale``, for some channels."""

    def __init__(
        self, *, inputs: InputSpec, channels: list[str] | tuple[str, ...] = ("image",), scale: float = 1.0
    ) -> None:
        require_channels(inputs, channels)
        if not scale > 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.outputs = inputs
        self.channels = tuple(channels)
        self.scale = scale

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return with_images(batch, self._transformed)

    def _transformed(self, _: str, group: Images) -> Images:
        return with_channels(group, self.channels, lambda charge: self._mapped(charge / self.scale))

    def _mapped(self, charge: Tensor) -> Tensor:
        raise NotImplementedError


class LogCharge(_ChargeMap):
    """Maps charge ``q`` to ``sign(q) log(1 + |q| / scale)``, natural logarithm.

    Parameters
    ----------
    channels : sequence of str
        Channels that hold charge.
    scale : float
        Charge below which the map is about linear, p.e.
    """

    def _mapped(self, charge: Tensor) -> Tensor:
        return charge.sign() * charge.abs().log1p()


class AsinhCharge(_ChargeMap):
    """Maps charge ``q`` to ``arcsinh(q / scale)``.

    Noise stays as it is and signal becomes logarithmic: up to a third of the scale the map is ``q / scale`` within
    2 %, from three and a half times the scale on it is ``log(2 q / scale)`` within 0.02.

    Parameters
    ----------
    channels : sequence of str
        Channels that hold charge.
    scale : float
        Charge at which the map turns from linear to logarithmic, p.e.
    """

    def _mapped(self, charge: Tensor) -> Tensor:
        return charge.asinh()


__all__ = ["AsinhCharge", "LogCharge"]
