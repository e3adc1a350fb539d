"""Losses that predict the size of errors, and the way of uncertainties to DL2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
import torch
from runs import run
from runs import run_folders
from runs import write_settings
from torch import Tensor

from gammalearn_core.api import TaskSpec
from gammalearn_core.builtin.losses.likelihood import GaussianNLL
from gammalearn_core.builtin.losses.likelihood import Quantile
from gammalearn_core.builtin.targets.direction import Direction
from gammalearn_core.builtin.targets.energy import Energy
from gammalearn_core.builtin.targets.impact import Impact
from gammalearn_core.cli import main

ONE = TaskSpec(name="energy", target="core.energy", size=1)
TWO = TaskSpec(name="direction", target="core.direction", size=2)


def fitted(loss: GaussianNLL | Quantile, truth: Tensor) -> Tensor:
    """The one prediction that is best for all samples."""
    prediction = torch.zeros(1, loss.size, requires_grad=True)
    optimizer = torch.optim.LBFGS([prediction], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss(prediction.expand(len(truth), -1), truth).mean()
        value.backward()
        return value

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return prediction.detach()


def test_the_likelihood_is_that_of_torch() -> None:
    rng = torch.Generator().manual_seed(1)
    prediction, truth = torch.randn(20, 4, generator=rng), torch.randn(20, 2, generator=rng)
    loss = GaussianNLL(task=TWO, beta=0)
    mean, sigma = loss.decode(prediction), loss.uncertainty(prediction)
    expected = torch.nn.functional.gaussian_nll_loss(mean, truth, sigma**2, reduction="none").mean(dim=1)
    torch.testing.assert_close(loss(prediction, truth), expected)


def test_beta_weighs_samples_and_leaves_the_gradient_of_the_mean_of_mse_at_1() -> None:
    prediction = torch.tensor([[0.3, 2.0]], requires_grad=True)
    truth = torch.tensor([[1.0]])
    GaussianNLL(task=ONE, beta=1)(prediction, truth).sum().backward()
    assert prediction.grad is not None
    assert prediction.grad[0, 0].item() == pytest.approx(0.3 - 1.0)


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_the_best_gaussian_is_the_mean_and_standard_deviation(beta: float) -> None:
    truth = 0.3 + 0.2 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(1))
    loss = GaussianNLL(task=ONE, beta=beta)
    found = fitted(loss, truth)
    if beta == 0:
        assert loss.decode(found).item() == pytest.approx(truth.mean().item(), abs=1e-3)
        assert loss.uncertainty(found).item() == pytest.approx(truth.std().item(), rel=5e-3)
    # Where it is best, its gradient vanishes whatever beta is: the factor is that of the sample.
    best = torch.tensor([[truth.mean(), _softplus_inverse(truth.std(correction=0) - loss.minimum)]])
    best.requires_grad_()
    loss(best.expand(len(truth), -1), truth).mean().backward()
    assert best.grad is not None
    assert best.grad.abs().max().item() < 1e-4


def _softplus_inverse(value: Tensor) -> float:
    return float(torch.log(torch.expm1(value)))


def test_the_best_quantiles_are_those_of_the_sample() -> None:
    truth = torch.distributions.Exponential(torch.tensor(1.0)).icdf(torch.linspace(0.0005, 0.9995, 1000))[:, None]
    low, median, high = (q.item() for q in Quantile(task=ONE).quantiles(fitted(Quantile(task=ONE), truth)))
    expected = torch.quantile(truth[:, 0], torch.tensor([0.158655, 0.5, 0.841345])).tolist()
    assert [low, median, high] == pytest.approx(expected, abs=0.02)
    assert high - median > 1.5 * (median - low)


def test_quantiles_do_not_cross() -> None:
    prediction = 10 * torch.randn(100, 6, generator=torch.Generator().manual_seed(1))
    low, median, high = Quantile(task=TWO).quantiles(prediction)
    assert bool((low <= median).all() & (median <= high).all())
    torch.testing.assert_close(Quantile(task=TWO).uncertainty(prediction), (high - low) / 2)


def test_sizes_are_those_of_all_numbers() -> None:
    assert (GaussianNLL(task=TWO).size, Quantile(task=TWO).size) == (4, 6)


@pytest.mark.parametrize(("parameter", "value"), [("beta", 1.5), ("beta", -0.1), ("minimum", 0.0)])
def test_parameters_that_make_no_sense_are_refused(parameter: str, value: float) -> None:
    with pytest.raises(ValueError, match=parameter):
        GaussianNLL(task=ONE, **{parameter: value})


def test_the_uncertainty_of_the_energy_is_that_of_its_logarithm() -> None:
    """Drawn: errors of the logarithm of 1 %."""
    rng = np.random.default_rng(1)
    drawn = Energy().decode(np.log10(2.0) + rng.normal(0, 0.01, (100_000, 1)), {})["energy"]
    told = Energy().decode_uncertainty(np.array([[np.log10(2.0)]]), np.array([[0.01]]), {})["energy_uncert"]
    assert told.item() == pytest.approx(drawn.std(), rel=0.02)


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (2.0, -1.5), (-0.4, 3.0)])
def test_the_uncertainty_of_the_direction_is_taken_to_the_sky(lon: float, lat: float) -> None:
    """Drawn: errors of 0.02 and 0.05 deg in the camera."""
    rng = np.random.default_rng(1)
    n, sigma = 100_000, np.array([[0.02, 0.05]])
    pointing = {"pointing_alt": np.full(n, 70.0), "pointing_az": np.full(n, 0.0)}
    drawn = Direction().decode(np.array([[lon, lat]]) + sigma * rng.normal(size=(n, 2)), pointing)
    one = {name: value[:1] for name, value in pointing.items()}
    told = Direction().decode_uncertainty(np.array([[lon, lat]]), sigma, one)
    spread = {"alt": drawn["alt"].std(), "az": ((drawn["az"] - 180) % 360).std()}
    assert told["alt_uncert"].item() == pytest.approx(spread["alt"], rel=0.02)
    assert told["az_uncert"].item() == pytest.approx(spread["az"], rel=0.02)


def test_the_uncertainty_of_the_impact_point_is_in_metres() -> None:
    told = Impact().decode_uncertainty(np.zeros((1, 2)), np.array([[0.5, 2.0]]), {})
    assert {name: value.tolist() for name, value in told.items()} == {"core_uncert_x": [50.0], "core_uncert_y": [200.0]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose losses tell uncertainties."""
    losses = "{'energy': ref('core.gaussian_nll'), 'direction': ref('core.quantile')}"
    settings = write_settings(tmp_path_factory.mktemp("run"), losses=losses, epochs="1", test="0.4")
    assert run(settings) == 0
    return run_folders(settings)[-1]


def test_a_run_writes_uncertainties_and_prediction_writes_the_same(finished: Path, tmp_path: Path) -> None:
    written = _columns(finished / "predictions" / "gamma.dl2.h5")
    assert {n.rpartition("_tel_")[2] for n in written if "uncert" in n} == {"energy_uncert", "alt_uncert", "az_uncert"}
    data = Path(__file__).parents[2] / "examples" / "data" / "gamma_mono_trigger.dl1.h5"
    assert main(["predict", str(finished), str(data), "-o", str(tmp_path / "out")]) == 0
    again = _columns(tmp_path / "out" / "gamma_mono_trigger.dl2.h5")
    places = {key: row for row, key in enumerate(again["ids"])}
    rows = [places[key] for key in written["ids"] if key in places]
    mine = [row for row, key in enumerate(written["ids"]) if key in places]
    assert len(rows) > 3
    for name in (n for n in written if n != "ids"):
        np.testing.assert_allclose(written[name][mine], again[name][rows], rtol=1e-4)
        assert (written[name] > 0).all() or "uncert" not in name


def _columns(path: Path) -> dict[str, Any]:
    """Valid predictions of energy and direction of all telescopes, and what tells the images apart."""
    found: dict[str, list[Any]] = {}
    ids: list[Any] = []
    with h5py.File(path) as h5:
        groups = [
            h5["/dl2/event/telescope/energy/GammaLearnEnergy"],
            h5["/dl2/event/telescope/geometry/GammaLearnDirection"],
        ]
        for name in groups[0]:
            tables = [group[name][:] for group in groups]
            valid = tables[0]["GammaLearnEnergy_tel_is_valid"].astype(bool)
            rows = np.column_stack([tables[0][n][valid] for n in ("obs_id", "event_id", "tel_id")])
            ids += [tuple(row) for row in rows.tolist()]
            for table in tables:
                for column in (n for n in table.dtype.names if n.startswith("GammaLearn") and "valid" not in n):
                    found.setdefault(column, []).append(table[column][valid])
    columns: dict[str, Any] = {name: np.concatenate(parts) for name, parts in found.items()}
    return columns | {"ids": ids}


def test_two_processes_write_the_same_uncertainties(finished: Path) -> None:
    """As they are gathered, not how they are computed."""
    from gammalearn_core.data.batch import Batch
    from gammalearn_core.engine.gathering import Evaluated
    from gammalearn_core.engine.gathering import gathered

    class Two:
        size = 2

        def interleave(self, flat: Tensor) -> Tensor:
            return torch.cat([flat, flat + 100])

    batch = Batch(
        images={},
        events={"row": torch.arange(3)},
        truth={"energy": torch.zeros(3, 1)},
        weight={"energy": torch.ones(3)},
    )
    part = Evaluated(
        outputs={"energy": torch.ones(3, 1)},
        losses={"energy": (torch.ones(3), torch.ones(3))},
        batch=batch,
        uncertainties={"energy": torch.tensor([[1.0], [2.0], [3.0]])},
    )
    whole = gathered(Two(), part)  # type: ignore[arg-type]
    assert whole["uncertainties"]["energy"][:, 0].tolist() == [1, 2, 3, 101, 102, 103]
    assert whole["outputs"]["energy"].shape == (6, 1)


def test_an_uncertainty_of_a_wrong_shape_is_told() -> None:
    from gammalearn_core.engine.contracts import ContractError
    from gammalearn_core.engine.contracts import checked_uncertainty

    with pytest.raises(ContractError, match=r"the loss gives a tensor of shape \(3, 4\), wanted \(3, 2\)"):
        checked_uncertainty(torch.zeros(3, 4), n=3, size=2, label="the loss")
