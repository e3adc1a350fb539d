from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
import torch
from stereo_made import CAMERAS
from stereo_made import INPUTS
from stereo_made import TASKS
from stereo_made import Maker
from stereo_made import Tiny
from stereo_made import as_measured
from stereo_made import showers
from stereo_made import spec
from torch import Tensor

from gammalearn_core.api import CameraGeometry
from gammalearn_core.api import InputSpec
from gammalearn_stereo.encoders import Encoders
from gammalearn_stereo.networks.pooling import StereoPooling


def encoders(encoder: Maker | Mapping[str, Maker], **cameras: CameraGeometry) -> Encoders:
    chosen = {key: spec(geometry) for key, geometry in (cameras or CAMERAS).items()}
    return Encoders(InputSpec(level="subarray", cameras=chosen), encoder, TASKS)


def test_one_network_a_camera_is_made_for_that_camera() -> None:
    maker = Maker()
    made = encoders(maker)
    assert list(made) == ["Large", "Small-28_5m"]
    assert [network.shape[1] for network in maker.made] == [camera.n_pixels for camera in CAMERAS.values()]
    assert made.of("Small-28.5m") is maker.made[1]


def test_a_camera_has_the_encoder_that_is_named_for_it_and_others_that_of_the_star() -> None:
    own, other = Maker(), Maker()
    made = encoders({"Large": own, "*": other})
    assert made.of("Large") is own.made[0]
    assert made.of("Small-28.5m") is other.made[0]


def test_a_camera_may_be_called_by_its_name_or_an_alias_in_any_case() -> None:
    large = attrs.evolve(CAMERAS["Large"], aliases=("LargeCamera",))
    for name in ("large", "LARGECAMERA", "Key"):
        assert list(encoders({name: Maker()}, Key=large)) == ["Key"]


def test_the_same_camera_under_two_keys_shares_one_network() -> None:
    maker = Maker()
    made = encoders(maker, One=CAMERAS["Large"], Two=attrs.evolve(CAMERAS["Large"], name="other"))
    assert len(maker.made) == 1
    assert made.of("One") is made.of("Two")
    assert not any(name.startswith("Two") for name in made.state_dict())


def test_the_same_camera_with_encoders_of_its_own_shares_none() -> None:
    made = encoders({"One": Maker(), "Two": Maker()}, One=CAMERAS["Large"], Two=CAMERAS["Large"])
    assert made.of("One") is not made.of("Two")


def test_cameras_with_other_channels_share_none() -> None:
    one = spec(CAMERAS["Large"])
    two = attrs.evolve(one, channels=("image",))
    made = Encoders(InputSpec(level="subarray", cameras={"One": one, "Two": two}), Maker(), TASKS)
    assert made.of("One") is not made.of("Two")


def test_an_unknown_camera_is_told_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(
        ValueError, match=r"encoder names the camera 'Lareg' \(did you mean 'Large'\?\); the data have L"
    ):
        encoders({"Lareg": Maker(), "*": Maker()})


def test_a_camera_without_encoder_is_told() -> None:
    with pytest.raises(ValueError, match=r"camera 'Small-28.5m' has no encoder; .* add encoder\['Small-28.5m'\], or"):
        encoders({"Large": Maker()})
    with pytest.raises(ValueError, match="there are those of none"):
        encoders({})


def test_what_is_no_network_is_told() -> None:
    with pytest.raises(ValueError, match=r"encoder\['Large'\] must be a network, such as ref.*, got 'hexconv.resnet'"):
        encoders({"Large": "hexconv.resnet"})  # type: ignore[dict-item]


def test_names_that_modules_have_already_can_be_keys() -> None:
    made = encoders(Maker(), train=CAMERAS["Large"], keys=CAMERAS["Small-28.5m"])
    assert made.of("train") is made["train_"]
    assert made.of("keys") is made["keys_"]


class Taking(Tiny):
    def forward(self, pixels: Tensor, *, hillas_width: Tensor) -> dict[str, Tensor]:
        return {name: value + hillas_width[:, None] for name, value in super().forward(pixels).items()}


def test_an_encoder_is_given_the_columns_that_it_takes() -> None:
    made = encoders(Maker(Taking, takes=("hillas_width",)))
    group = showers([2]).images["Large"]
    group.columns["hillas_width"] = torch.tensor([3.0], dtype=torch.float64)
    plain = Tiny.forward(made.of("Large"), group.pixels)["energy"]
    torch.testing.assert_close(made.encode("Large", group)["energy"], plain + 3)
    del group.columns["hillas_width"]
    with pytest.raises(
        ValueError, match=r"camera 'Large' takes 'hillas_width', which does not come with the images: add"
    ):
        made.encode("Large", group)


class Wrong(Tiny):
    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return {"features": pixels[:, 0, :3]}


def test_an_encoder_that_gives_something_else_is_told() -> None:
    network = StereoPooling(inputs=as_measured(), outputs=TASKS, encoder=Maker(Wrong), features=4)
    with pytest.raises(
        ValueError, match=r"the encoder of camera 'Large' gives \(1, 3\) for 'features', wanted \(n, 4\)"
    ):
        network(showers([2]))


def test_weights_of_a_camera_are_under_its_name() -> None:
    network = StereoPooling(inputs=as_measured(), outputs=TASKS, encoder=Maker())
    own = Maker()(inputs=InputSpec(level="telescope", cameras={"Large": INPUTS.cameras["Large"]}), outputs=TASKS)
    names = {
        name.removeprefix("encoders.Large.") for name in network.state_dict() if name.startswith("encoders.Large.")
    }
    assert {name for name in own.state_dict() if not name.startswith("heads")} <= names
