"""`Encoders`: a mono network for each camera geometry."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor
from torch import nn

from gammalearn_core.api import Batch
from gammalearn_core.api import CameraSpec
from gammalearn_core.api import Images
from gammalearn_core.api import InputSpec
from gammalearn_core.api import Maker
from gammalearn_core.api import OutputSpec
from gammalearn_stereo.checks import did_you_mean

ANY = "*"
"""The key of the encoder for cameras that have none of their own."""


class Encoders(nn.ModuleDict):
    """Mono networks by camera key; cameras of the same geometry, channels and encoder share one.

    Parameters
    ----------
    inputs : InputSpec
        All cameras.
    encoder : Maker, or mapping of str to Maker
        Makes a mono network: one for all cameras, or by the key or a name of a camera, ``"*"`` for those that are not
        named.
    outputs : OutputSpec
        What each network is to give for an image.

    Raises
    ------
    ValueError
        A camera has no encoder, a name is of no camera, or a network does not take such images.
    """

    def __init__(self, inputs: InputSpec, encoder: Maker | Mapping[str, Maker], outputs: OutputSpec) -> None:
        super().__init__()
        self.outputs = outputs
        self.name_of: dict[str, str] = {}
        """By camera key, the name of the module."""
        self.takes: dict[str, tuple[str, ...]] = {}
        """By camera key, columns that it is given with its images."""
        made: list[tuple[str, CameraSpec, Maker]] = []
        for key, maker in _chosen(inputs, encoder).items():
            camera = inputs.cameras[key]
            self.takes[key] = tuple(maker.fact("takes"))
            same = next((name for name, other, by in made if by is maker and _same(camera, other)), None)
            self.name_of[key] = same or self._free_name(key)
            if same is None:
                mono = InputSpec(level="telescope", cameras={key: camera}, columns=inputs.columns)
                self[self.name_of[key]] = maker(inputs=mono, outputs=outputs)
                made.append((self.name_of[key], camera, maker))

    def _free_name(self, key: str) -> str:
        """A key as the name of a module: without dots, and none that a module has already."""
        name = key.replace(".", "_") or "_"
        while name in self or hasattr(self, name):
            name += "_"
        return name

    def of(self, key: str) -> nn.Module:
        """The network of a camera."""
        return self[self.name_of[key]]

    def encode(self, key: str, images: Images) -> dict[str, Tensor]:
        """What a camera's network gives for its images, by task: (n, size).

        Raises
        ------
        ValueError
            A column that the network takes does not come with the images, or it gives something else.
        """
        columns = {}
        for name in self.takes[key]:
            if name not in images.columns:
                what = f"the encoder of camera {key!r} takes {name!r}, which does not come with the images"
                raise ValueError(f"{what}: add it to the loader's columns=")
            columns[name] = images.columns[name].to(images.pixels.dtype)
        given: dict[str, Tensor] = self.of(key)(images.pixels, **columns)
        for name, task in self.outputs.tasks.items():
            if name not in given or given[name].shape != (len(images), task.size):
                got = tuple(given[name].shape) if name in given else "nothing"
                raise ValueError(f"the encoder of camera {key!r} gives {got} for {name!r}, wanted (n, {task.size})")
        return given

    def groups(self, batch: Batch) -> list[tuple[str, Images]]:
        """Cameras with images in a batch, in the order of the encoders.

        Raises
        ------
        ValueError
            The batch has images of another camera.
        """
        for key in batch.images:
            if key not in self.name_of:
                raise ValueError(f"a batch has images of camera {key!r}; the network has {_listed(self.name_of)}")
        return [(key, batch.images[key]) for key in self.name_of if key in batch.images and len(batch.images[key])]

    def for_prediction(self, dtype: torch.dtype) -> Encoders | None:
        """A copy with the networks in the forms that they have for prediction; None if none has such a form."""
        made = {}
        for name, module in self.items():
            make = getattr(module, "for_prediction", None)
            if make is not None and (faster := make(dtype=dtype)) is not None:
                made[name] = faster
        if not made:
            return None
        new = copy.copy(self)
        new._modules = {**self._modules, **made}
        return new


def _chosen(inputs: InputSpec, encoder: Maker | Mapping[str, Maker]) -> dict[str, Maker]:
    """The maker of each camera."""
    if not isinstance(encoder, Mapping):
        encoder = {ANY: encoder}
    for name, maker in encoder.items():
        if not callable(maker):
            raise ValueError(f"encoder[{name!r}] must be a network, such as ref('hexconv.resnet'), got {maker!r}")
    names = {key: _names(key, camera) for key, camera in inputs.cameras.items()}
    for name in encoder:
        if name != ANY and name not in inputs.cameras and not any(name.casefold() in n for n in names.values()):
            hint = did_you_mean(name, [*inputs.cameras])
            raise ValueError(f"encoder names the camera {name!r}{hint}; the data have {_listed(inputs.cameras)}")
    found = {}
    for key in inputs.cameras:
        own = [n for n in encoder if n not in inputs.cameras and n.casefold() in names[key]]
        name = key if key in encoder else own[0] if own else ANY
        if name not in encoder:
            what = f"camera {key!r} has no encoder; there are those of {_listed(encoder)}"
            raise ValueError(f"{what}: add encoder[{key!r}], or encoder['*'] for all others")
        found[key] = encoder[name]
    return found


def _names(key: str, camera: CameraSpec) -> set[str]:
    return {n.casefold() for n in (key, camera.geometry.name, *camera.geometry.aliases)}


def _same(one: CameraSpec, other: CameraSpec) -> bool:
    """Whether one network can take images of both."""
    return one.shape == other.shape and one.channels == other.channels and one.geometry.same_as(other.geometry)


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


__all__ = ["ANY", "Encoders"]
