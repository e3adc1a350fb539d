"""What the core declares: it is its own first plug-in."""

from __future__ import annotations

from collections.abc import Iterator

from gammalearn_core.plugin.names import hookimpl
from gammalearn_core.plugin.records import Filter
from gammalearn_core.plugin.records import Handler
from gammalearn_core.plugin.records import Loader
from gammalearn_core.plugin.records import Loss
from gammalearn_core.plugin.records import Metric
from gammalearn_core.plugin.records import Network
from gammalearn_core.plugin.records import Optimizer
from gammalearn_core.plugin.records import Report
from gammalearn_core.plugin.records import Target
from gammalearn_core.plugin.records import Transform

_HERE = "gammalearn_core.builtin"
_NUMBERS = ("scalar", "camera_vector", "ground_vector")


@hookimpl
def gammalearn_loaders() -> Iterator[Loader]:
    yield Loader(
        name="dl1",
        target=f"{_HERE}.loaders.dl1:DL1Source",
        summary="Images of DL1 HDF5 files of ctapipe and lstchain",
        suffixes=(".h5", ".hdf5"),
        levels=("telescope", "subarray"),
        hdf5=True,
        free=("threads",),
    )


@hookimpl
def gammalearn_filters() -> Iterator[Filter]:
    yield Filter(
        name="balance_particles",
        target=f"{_HERE}.filters.balance_particles:BalanceParticles",
        summary="Gives every particle the same total weight",
        part="weight",
    )
    yield Filter(
        name="cut",
        target=f"{_HERE}.filters.cut:Cut",
        summary="Keeps images that a condition on columns is true for",
        scope="image",
    )
    yield Filter(
        name="energy",
        target=f"{_HERE}.filters.energy:Energy",
        summary="Keeps a range of true energy",
        scope="event",
        truth=True,
    )
    yield Filter(
        name="energy_spectrum",
        target=f"{_HERE}.filters.energy_spectrum:EnergySpectrum",
        summary="Weighs events as if their energies followed another power law",
        part="weight",
    )
    yield Filter(
        name="event_cut",
        target=f"{_HERE}.filters.cut:Cut",
        summary="Keeps events that a condition on columns is true for",
        scope="event",
    )
    yield Filter(
        name="event_type",
        target=f"{_HERE}.filters.membership:EventType",
        summary="Keeps events of some types, such as showers",
        scope="event",
    )
    yield Filter(
        name="impact",
        target=f"{_HERE}.filters.impact:Impact",
        summary="Keeps a range of distances between telescope and shower axis",
        scope="image",
        truth=True,
    )
    yield Filter(
        name="intensity",
        target=f"{_HERE}.filters.intensity:Intensity",
        summary="Keeps a range of Hillas intensity",
        scope="image",
    )
    yield Filter(
        name="islands",
        target=f"{_HERE}.filters.morphology:Islands",
        summary="Keeps a range of numbers of islands after the cleaning",
        scope="image",
    )
    yield Filter(
        name="leakage",
        target=f"{_HERE}.filters.leakage:Leakage",
        summary="Keeps images of which little is at the edge of the camera",
        scope="image",
    )
    yield Filter(
        name="max_events",
        target=f"{_HERE}.filters.max_events:MaxEvents",
        summary="Keeps at most so many events of each particle, in whole showers",
        scope="event",
        truth=True,
    )
    yield Filter(
        name="multiplicity",
        target=f"{_HERE}.filters.multiplicity:Multiplicity",
        summary="Keeps events that a range of numbers of telescopes saw",
        scope="event",
    )
    yield Filter(
        name="offset",
        target=f"{_HERE}.filters.offset:Offset",
        summary="Keeps a range of angles between true direction and pointing",
        scope="event",
        truth=True,
    )
    yield Filter(
        name="pixels",
        target=f"{_HERE}.filters.morphology:Pixels",
        summary="Keeps a range of numbers of pixels after the cleaning",
        scope="image",
    )
    yield Filter(
        name="telescopes",
        target=f"{_HERE}.filters.membership:Telescopes",
        summary="Keeps images of some telescopes",
        scope="image",
    )


@hookimpl
def gammalearn_transforms() -> Iterator[Transform]:
    yield Transform(
        name="asinh_charge",
        target=f"{_HERE}.transforms.charge:AsinhCharge",
        summary="Inverse hyperbolic sine of the charge",
    )
    yield Transform(
        name="gaussian_noise",
        target=f"{_HERE}.transforms.noise:GaussianNoise",
        summary="Adds normal noise to the charge of each pixel, in training",
        random=True,
    )
    yield Transform(
        name="log_charge",
        target=f"{_HERE}.transforms.charge:LogCharge",
        summary="Signed logarithm of the charge",
    )
    yield Transform(
        name="night_sky_noise",
        target=f"{_HERE}.transforms.noise:NightSkyNoise",
        summary="Adds photoelectrons of the night sky to each pixel, in training",
        random=True,
    )
    yield Transform(
        name="normalise",
        target=f"{_HERE}.transforms.normalise:Normalise",
        summary="Zero mean and unit variance, measured on the training split",
    )
    yield Transform(
        name="pixel_dropout",
        target=f"{_HERE}.transforms.pixel_dropout:PixelDropout",
        summary="Makes random pixels 0 in all channels, in training",
        random=True,
    )
    yield Transform(
        name="random_symmetry",
        target=f"{_HERE}.transforms.random_symmetry:RandomSymmetry",
        summary="Turns images and truth by the camera's own symmetry, in training",
        random=True,
    )
    yield Transform(
        name="relative_time",
        target=f"{_HERE}.transforms.relative_time:RelativeTime",
        summary="Peak times relative to the mean time of the shower in the image",
    )
    yield Transform(
        name="select_channels",
        target=f"{_HERE}.transforms.select_channels:SelectChannels",
        summary="Keeps the named channels in the named order",
    )
    yield Transform(
        name="tailcuts",
        target=f"{_HERE}.transforms.tailcuts:Tailcuts",
        summary="Tail-cuts cleaning: adds the mask as a channel, or applies it",
    )
    yield Transform(
        name="to_square",
        target=f"{_HERE}.transforms.to_square:ToSquare",
        summary="Mapping to a square grid, by one of seven methods; each pixel keeps its charge",
        gives="grid",
    )


@hookimpl
def gammalearn_targets() -> Iterator[Target]:
    yield Target(
        name="direction",
        target=f"{_HERE}.targets.direction:Direction",
        summary="Offset of the shower from the pointing (fov_lon, fov_lat), in degrees",
        columns=("true_alt", "true_az"),
        geometry="camera_vector",
        applies_to=(0,),
        dl2="geometry",
        metrics=("core.angular_error",),
    )
    yield Target(
        name="energy",
        target=f"{_HERE}.targets.energy:Energy",
        summary="Decadic logarithm of the energy in TeV",
        columns=("true_energy",),
        geometry="scalar",
        applies_to=(0,),
        dl2="energy",
        metrics=("core.energy_error",),
    )
    yield Target(
        name="impact",
        target=f"{_HERE}.targets.impact:Impact",
        summary="Impact point on the ground from the array's origin, in hundreds of metres",
        columns=("true_core_x", "true_core_y"),
        geometry="ground_vector",
        applies_to=(0,),
        dl2="geometry",
        metrics=("core.impact_error",),
    )
    yield Target(
        name="particle",
        target=f"{_HERE}.targets.particle:Particle",
        summary="Kind of primary particle",
        columns=("true_shower_primary_id",),
        geometry="class",
        dl2="classification",
        metrics=("core.accuracy", "core.auc"),
    )


@hookimpl
def gammalearn_networks() -> Iterator[Network]:
    yield Network(
        name="cnn2d",
        target=f"{_HERE}.networks.cnn2d:CNN2d",
        summary="Small convolutional network for images on a grid",
        lattice="grid",
    )


@hookimpl
def gammalearn_losses() -> Iterator[Loss]:
    yield Loss(
        name="cross_entropy",
        target=f"{_HERE}.losses.cross_entropy:CrossEntropy",
        summary="Cross-entropy of class scores",
        geometries=("class",),
    )
    yield Loss(
        name="fixed_weights",
        target=f"{_HERE}.losses.fixed_weights:FixedWeights",
        summary="Sum of the losses of several tasks with fixed weights",
        part="balance",
    )
    yield Loss(
        name="gaussian_nll",
        target=f"{_HERE}.losses.likelihood:GaussianNLL",
        summary="Likelihood of normal errors, whose size is predicted too",
        geometries=_NUMBERS,
    )
    yield Loss(
        name="l1",
        target=f"{_HERE}.losses.regression:L1",
        summary="Absolute difference",
        geometries=_NUMBERS,
    )
    yield Loss(
        name="mse",
        target=f"{_HERE}.losses.regression:MSE",
        summary="Squared difference",
        geometries=_NUMBERS,
    )
    yield Loss(
        name="quantile",
        target=f"{_HERE}.losses.likelihood:Quantile",
        summary="Median and 68 % interval, by pinball losses",
        geometries=_NUMBERS,
    )
    yield Loss(
        name="smooth_l1",
        target=f"{_HERE}.losses.regression:SmoothL1",
        summary="Squared difference below beta, absolute above",
        geometries=_NUMBERS,
    )


@hookimpl
def gammalearn_optimizers() -> Iterator[Optimizer]:
    yield Optimizer(name="adam", target="torch.optim:Adam", summary="Adam (torch.optim.Adam)")
    yield Optimizer(name="adamw", target="torch.optim:AdamW", summary="Adam with decoupled decay (torch.optim.AdamW)")
    yield Optimizer(
        name="cosine",
        target=f"{_HERE}.optimizers.schedules:cosine",
        summary="Cosine decay of the learning rate over the run",
        part="schedule",
    )
    yield Optimizer(
        name="one_cycle",
        target=f"{_HERE}.optimizers.schedules:one_cycle",
        summary="Rise to the learning rate, then decay (torch's OneCycleLR)",
        part="schedule",
    )
    yield Optimizer(
        name="plateau",
        target=f"{_HERE}.optimizers.schedules:plateau",
        summary="Lowers the learning rate when the validation loss stalls",
        part="schedule",
        per="metric",
    )
    yield Optimizer(name="sgd", target="torch.optim:SGD", summary="Stochastic gradient descent (torch.optim.SGD)")


@hookimpl
def gammalearn_metrics() -> Iterator[Metric]:
    yield Metric(
        name="accuracy",
        target=f"{_HERE}.metrics.classification:Accuracy",
        summary="Share of events whose most probable class is the true one",
        geometries=("class",),
        definition="events with argmax of the class scores equal to the true class, over all events",
    )
    yield Metric(
        name="angular_error",
        target=f"{_HERE}.metrics.direction:AngularError",
        summary="Angular separation: 68 % containment and median, in degrees",
        geometries=("camera_vector",),
        definition="quantiles 68.27 % and 50 % of the spherical separation of true and predicted direction, in deg",
    )
    yield Metric(
        name="auc",
        target=f"{_HERE}.metrics.classification:AUC",
        summary="Area under the ROC curve of gammaness",
        geometries=("class",),
        definition="probability that a gamma has a higher gammaness than a background event, ties counting half",
    )
    yield Metric(
        name="energy_error",
        target=f"{_HERE}.metrics.energy:EnergyError",
        summary="Energy bias and resolution, by both conventions",
        geometries=("scalar",),
        definition="bias: median of (E_reco - E_true) / E_true; resolution_cta: 68.27 % quantile of |E_reco / E_true"
        " - 1|; resolution_pyirf: half the 15.87 % to 84.13 % range of E_reco / E_true - 1",
    )
    yield Metric(
        name="impact_error",
        target=f"{_HERE}.metrics.impact:ImpactError",
        summary="Distance between impact points: 68 % containment and median, in metres",
        geometries=("ground_vector",),
        definition="quantiles 68.27 % and 50 % of the distance on the ground between true and predicted impact point,"
        " in m",
    )


@hookimpl
def gammalearn_handlers() -> Iterator[Handler]:
    yield Handler(
        name="early_stopping",
        target=f"{_HERE}.handlers.early_stopping:create",
        summary="Ends training when the validation loss no longer falls",
        engine="validator",
        event="COMPLETED",
    )
    yield Handler(
        name="tensorboard",
        target=f"{_HERE}.handlers.tensorboard:create",
        summary="Writes losses, metrics and the learning rate for TensorBoard",
    )


@hookimpl
def gammalearn_reports() -> Iterator[Report]:
    yield Report(
        name="html",
        target=f"{_HERE}.reports.html:HtmlReport",
        summary="One self-contained page: figures, numbers, events, settings",
        writes=("report.html", "figures"),
    )
