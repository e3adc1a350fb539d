"""What the plug-in declares."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core import Network
from gammalearn_core import Transform
from gammalearn_core import hookimpl

api_version = "1.0"

NETWORKS = "gammalearn_stereo.networks"
TRANSFORMS = "gammalearn_stereo.transforms"
ENCODER = {"encoder": "network"}


@hookimpl
def gammalearn_networks() -> Iterator[Network]:
    yield Network(
        name="attention",
        target=f"{NETWORKS}.attention:StereoAttention",
        summary="Transformer over the telescopes of an event, with the geometry of their images",
        stereo=True,
        nested=ENCODER,
    )
    yield Network(
        name="mono_average",
        target=f"{NETWORKS}.mono_average:MonoAverage",
        summary="Predictions of a mono network for each image, averaged by learned weights",
        stereo=True,
        nested=ENCODER,
    )
    yield Network(
        name="pooling",
        target=f"{NETWORKS}.pooling:StereoPooling",
        summary="Features of each image, pooled over the telescopes of an event",
        stereo=True,
        nested=ENCODER,
    )
    yield Network(
        name="rnn",
        target=f"{NETWORKS}.rnn:StereoRNN",
        summary="Recurrent network over the telescopes of an event, the brightest image first",
        stereo=True,
        nested=ENCODER,
    )


@hookimpl
def gammalearn_transforms() -> Iterator[Transform]:
    yield Transform(
        name="moments",
        target=f"{TRANSFORMS}.moments:Moments",
        summary="Measures size, centroid and axis of each image, for these networks",
    )
    yield Transform(
        name="drop_telescopes",
        target=f"{TRANSFORMS}.drop_telescopes:DropTelescopes",
        summary="Leaves out images of an event at random",
        random=True,
    )
    yield Transform(
        name="random_turn",
        target=f"{TRANSFORMS}.random_turn:RandomTurn",
        summary="Turns whole events about the pointing, by the symmetries of their cameras",
        random=True,
    )
