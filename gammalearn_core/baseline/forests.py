"""Random forests for particle, energy and disp, a set of them for each camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.data.order import derived_seed
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.ensemble import RandomForestRegressor

Floats = NDArray[np.float64]
Features = Mapping[str, Floats]
_FOLDS = 2
"""The particle's forest learns from energies and disps of forests that have not seen the same showers."""


def require_sklearn() -> None:
    """Raise, with the command that installs it, if scikit-learn is not there."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        what = f"the baseline needs scikit-learn, which cannot be imported: {error}"
        raise SettingsError([Problem("baseline", what, "pip install 'gammalearn-core[baseline]'")]) from error


@frozen(kw_only=True)
class Growth:
    """How forests are grown."""

    trees: int = 150
    leaf: int = 5
    """Samples that a leaf has at least."""
    seed: int = 1
    threads: int = 1

    def facts(self) -> dict[str, Any]:
        """As the record says it."""
        return {"trees": self.trees, "min_samples_leaf": self.leaf, "seed": self.seed}

    def forest(self, name: str, *, classes: bool) -> RandomForestClassifier | RandomForestRegressor:
        """A forest that has not learned yet; its seed depends on its name."""
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.ensemble import RandomForestRegressor

        kind = RandomForestClassifier if classes else RandomForestRegressor
        return kind(
            n_estimators=self.trees,
            min_samples_leaf=self.leaf,
            random_state=derived_seed(self.seed, "baseline", name) % 2**32,
            n_jobs=self.threads,
        )


@frozen(kw_only=True, eq=False)
class Lessons:
    """Truth of training images, one row an image; what is not learned is None.

    Attributes
    ----------
    gamma : array of bool, optional
        Whether it is a gamma.
    log_energy : array of float, optional
        log10 of the energy in TeV.
    norm, positive : array of float and of bool, optional
        Of disp.
    has_particle, has_energy, has_direction : array of bool
        Images that have truth for it.
    weight : array of float
    shower : array of int
        The same for all images of a shower.
    """

    gamma: NDArray[np.bool_] | None
    log_energy: Floats | None
    norm: Floats | None
    positive: NDArray[np.bool_] | None
    has_particle: NDArray[np.bool_]
    has_energy: NDArray[np.bool_]
    has_direction: NDArray[np.bool_]
    weight: Floats
    shower: NDArray[np.uint64]

    def take(self, rows: NDArray[np.bool_]) -> Lessons:
        """Those of some images."""
        columns = {f.name: getattr(self, f.name) for f in attrs.fields(Lessons)}
        return attrs.evolve(self, **{name: column[rows] for name, column in columns.items() if column is not None})


@frozen(eq=False)
class _Forest:
    """A forest that has learned, and the features that it was given."""

    forest: RandomForestClassifier | RandomForestRegressor
    names: tuple[str, ...]

    def predict(self, features: Features) -> Floats:
        """Values, or probabilities that it is true, of images; NaN of images without parameters."""
        rows = _usable(features)
        found = np.full(len(rows), np.nan)
        if rows.any():
            found[rows] = self._predicted(_matrix(features, self.names, rows))
        return found

    def _predicted(self, matrix: NDArray[np.float32]) -> Floats:
        if not hasattr(self.forest, "classes_"):
            return np.asarray(self.forest.predict(matrix), dtype=np.float64)
        classes = list(self.forest.classes_)
        if True not in classes:
            return np.zeros(len(matrix))
        return np.asarray(self.forest.predict_proba(matrix)[:, classes.index(True)], dtype=np.float64)


class Forests:
    """The forests of one camera. Nothing of them is kept but what they predict and their importances.

    Parameters
    ----------
    growth : Growth
    name : str
        Of the camera; seeds depend on it.
    """

    def __init__(self, growth: Growth, name: str) -> None:
        self._growth, self._name = growth, name
        self._made: dict[str, _Forest] = {}

    def fit_regressions(self, features: Features, lessons: Lessons) -> dict[str, Floats]:
        """Learn energy and disp from training images, and give those of these images that `fit_particle` takes.

        They are of forests that were grown without the images' showers; none are given if no particle is learned.
        """
        self._fit_regressions(features, lessons)
        return {} if lessons.gamma is None else self._of_others(features, lessons)

    def regressions(self, features: Features) -> dict[str, Floats]:
        """``log_energy`` and signed ``disp`` of images, of what was learned."""
        return self._regressions(features)

    def fit_particle(self, features: Features, lessons: Lessons) -> None:
        """Learn which images are of gammas; ``features`` also have what `fit_regressions` gave."""
        if lessons.gamma is not None:
            self._fit("particle", features, lessons.has_particle, lessons.gamma, lessons.weight)

    def gammaness(self, features: Features) -> dict[str, Floats]:
        """``gammaness`` of images if it was learned; ``features`` also have what `regressions` gave."""
        return {"gammaness": self._made["particle"].predict(features)} if "particle" in self._made else {}

    @property
    def importances(self) -> dict[str, dict[str, float]]:
        """By forest, by feature: the mean decrease in impurity, which sums to 1."""
        return {
            name: dict(zip(made.names, map(float, made.forest.feature_importances_), strict=True))
            for name, made in self._made.items()
        }

    def _fit_regressions(self, features: Features, lessons: Lessons) -> None:
        if lessons.log_energy is not None:
            self._fit("energy", features, lessons.has_energy, lessons.log_energy, lessons.weight)
        if lessons.norm is not None and lessons.positive is not None:
            rows = lessons.has_direction & np.isfinite(lessons.norm)
            self._fit("disp_norm", features, rows, lessons.norm, lessons.weight)
            self._fit("disp_sign", features, rows, lessons.positive, lessons.weight)

    def _fit(self, name: str, features: Features, rows: NDArray[np.bool_], truth: NDArray[Any], weight: Floats) -> None:
        rows = rows & _usable(features) & (weight > 0)
        names = tuple(n for n, v in features.items() if np.isfinite(v[rows]).any())
        if not names:
            return
        forest = self._growth.forest(f"{self._name}/{name}", classes=truth.dtype == np.bool_)
        forest.fit(_matrix(features, names, rows), truth[rows], sample_weight=weight[rows])
        forest.n_jobs = 1  # Threads would add up the trees in any order, which changes the last digits.
        self._made[name] = _Forest(forest, names)

    def _regressions(self, features: Features) -> dict[str, Floats]:
        found = {}
        if "energy" in self._made:
            found["log_energy"] = self._made["energy"].predict(features)
        if "disp_norm" in self._made:
            positive = self._made["disp_sign"].predict(features)
            found["disp"] = self._made["disp_norm"].predict(features) * np.where(positive >= 0.5, 1.0, -1.0)
        return found

    def _of_others(self, features: Features, lessons: Lessons) -> dict[str, Floats]:
        """Energies and disps of training images, by forests that have not seen their showers."""
        fold = (lessons.shower >> np.uint64(1)) % np.uint64(_FOLDS)
        found = {name: np.full(len(fold), np.nan) for name in self._regressions(features)}
        for number in range(_FOLDS):
            here = fold == number
            others = Forests(self._growth, f"{self._name}/{number}")
            others._fit_regressions({n: v[~here] for n, v in features.items()}, lessons.take(~here))
            for name, values in others._regressions({n: v[here] for n, v in features.items()}).items():
                found[name][here] = values
        return found


def _usable(features: Features) -> NDArray[np.bool_]:
    """Images that have parameters."""
    return np.isfinite(features["log_intensity"])


def _matrix(features: Features, names: tuple[str, ...], rows: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Features as scikit-learn takes them; NaN is a value that trees can tell from others."""
    return np.column_stack([features[name][rows] for name in names]).astype(np.float32)


__all__ = ["Forests", "Growth", "Lessons", "require_sklearn"]
