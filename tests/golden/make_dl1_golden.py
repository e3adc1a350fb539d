"""Makes ``tests/data/dl1_golden.npz``: what ctapipe, or PyTables alone, finds in the DL1 files of tests and examples.

Run with ctapipe 0.32 (which reads data models v4 to v7.6), in the folder of the repository:
``python tests/golden/make_dl1_golden.py``. Files of ctapipe are read with its ``TableLoader`` and
``SubarrayDescription``; those of lstchain, and of ctapipe before v4, which no later ctapipe reads, with PyTables,
according to the sources of the programs that wrote them. Nothing of this project is used.

One row an image: ``file_index`` (of ``files``), ``obs_id``, ``event_id``, ``tel_id``, ``event_type``, and the float
columns. ``*_dot`` is the product with 0, 1, 2, …, so that it changes when pixels change places. Pixels whose charge is
not finite count as 0 everywhere. NaN stands for what a file does not tell. One row a telescope: ``tel_*``.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import tables
import yaml
from ctapipe.instrument import SubarrayDescription
from ctapipe.io import TableLoader
from ctapipe.io import read_table

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("tests/data", "examples/data")
DEGREES = 180 / np.pi
TRUTH = ("energy", "alt", "az", "core_x", "core_y", "h_first_int", "x_max", "shower_primary_id")
HILLAS = ("intensity", "length", "width", "r", "phi", "psi", "skewness", "kurtosis")
FRAME = [f"hillas_{n}" for n in (*HILLAS, "x", "y")] + ["timing_slope", "timing_intercept"]
"""Columns of the camera frame, in m and with other axes, which get a prefix where a file has none."""
PARAMETERS = [
    *(f"hillas_{n}" for n in (*HILLAS, "fov_lon", "fov_lat")),
    *(
        "timing_slope",
        "timing_intercept",
        "leakage_intensity_width_1",
        "leakage_intensity_width_2",
        "leakage_pixels_width_2",
    ),
    *("concentration_cog", "concentration_core", "morphology_n_pixels", "morphology_n_islands"),
    *(f"camera_frame_{n}" for n in FRAME),
]
IMAGES = ("image_sum", "image_square", "image_dot", "peak_time_sum", "peak_time_dot", "image_mask_sum")
EVENTS = ("multiplicity", "pointing_alt", "pointing_az", *(f"true_{n}" for n in TRUTH))
COLUMNS = (*IMAGES, *EVENTS, *PARAMETERS)
IDS = ("obs_id", "event_id", "tel_id", "event_type")
TELESCOPE = ("x", "y", "z", "focal_length", "n_pixels", "pix_x_sum", "pix_x_dot", "pix_y_sum", "pix_y_dot", "area_sum")
LSTCHAIN = {
    "intensity": "hillas_intensity",
    "length": "hillas_length",
    "width": "hillas_width",
    "skewness": "camera_frame_hillas_skewness",
    "kurtosis": "hillas_kurtosis",
    "x": "camera_frame_hillas_x",
    "y": "camera_frame_hillas_y",
    "r": "camera_frame_hillas_r",
    "phi": "camera_frame_hillas_phi",
    "psi": "camera_frame_hillas_psi",
    "time_gradient": "camera_frame_timing_slope",
    "intercept": "camera_frame_timing_intercept",
    "n_pixels": "morphology_n_pixels",
    "n_islands": "morphology_n_islands",
    "alt_tel": "pointing_alt",
    "az_tel": "pointing_az",
    "mc_type": "true_shower_primary_id",
    **{f"mc_{n}": f"true_{n}" for n in TRUTH[:-1]},
    **{n: n for n in PARAMETERS if n.startswith(("leakage", "concentration"))},
}


def images_of(image, peak_time, mask):
    """Numbers that stand for the channels of one image."""
    good = np.isfinite(image)
    pixels = np.arange(len(image))
    charge = np.where(good, image, 0).astype(np.float64)
    time = np.where(good & np.isfinite(peak_time), peak_time, 0).astype(np.float64)
    values = charge.sum(), (charge**2).sum(), charge @ pixels, time.sum(), time @ pixels
    return dict(zip(IMAGES, (*values, np.nan if mask is None else (mask & good).sum()), strict=True))


def telescope_of(tel_id, camera, position, focal_length, x, y, area):
    """Numbers that stand for one telescope."""
    pixels = np.arange(len(x))
    values = (*position, focal_length, len(x), x.sum(), x @ pixels, y.sum(), y @ pixels, area.sum())
    return {"tel_id": tel_id, "camera": camera, **dict(zip(TELESCOPE, values, strict=True))}


def read_ctapipe(path):
    """Images and telescopes of data models v4 to v7."""
    with TableLoader(path, focal_length_choice="EQUIVALENT", dl1_images=True) as loader:
        found = loader.read_telescope_events_by_id()
        telescopes = [_described(tel_id, tel, loader.subarray) for tel_id, tel in loader.subarray.tel.items()]
    images = []
    for tel_id, table in found.items():
        legacy = _legacy_pointing(path, tel_id)
        for row in table:
            images.append(_row(table, row, legacy))
    return images, telescopes


def _described(tel_id, telescope, subarray: SubarrayDescription):
    geometry, optics = telescope.camera.geometry, telescope.optics
    focal = [f.to_value("m") for f in (optics.effective_focal_length, optics.equivalent_focal_length)]
    pixels = geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m"), geometry.pix_area.to_value("m2")
    position = subarray.positions[tel_id].to_value("m")
    return telescope_of(tel_id, geometry.name, position, next(f for f in focal if np.isfinite(f)), *pixels)


def _row(table, row, legacy):
    mask = row["image_mask"] if "image_mask" in table.colnames else None
    out = {n: int(row[n]) for n in IDS} | images_of(row["image"], row["peak_time"], mask)
    out["multiplicity"] = row["tels_with_trigger"].sum()
    units = {"true_alt": "deg", "true_az": "deg", "true_energy": "TeV", "true_h_first_int": "m"}
    for name in COLUMNS:
        if name in table.colnames:
            unit = table[name].unit and units.get(name)
            out[name] = float(row[name] if unit is None else (row[name] * table[name].unit).to_value(unit))
    for angle in ("altitude", "azimuth"):
        name = f"telescope_pointing_{angle}"
        value = row[name] * table[name].unit if name in table.colnames else legacy(angle, row["time"])
        out[f"pointing_{angle[:3] if angle == 'altitude' else 'az'}"] = value.to_value("deg")
    return out


def _legacy_pointing(path, tel_id):
    """Up to v5, the pointing nearest in time is meant, as ctapipe's event source takes it."""
    with tables.open_file(path) as file:
        where = f"/dl1/monitoring/telescope/pointing/tel_{tel_id:03d}"
        table = read_table(file, where) if where in file else None

    def at(angle, time):
        nearest = np.argmin(np.abs(table["time"].mjd - time.mjd))
        return table[angle].quantity[nearest]

    return at


def read_before_v4(path):
    """Images and telescopes of data models v1 to v3, whose tables are split by telescope or by type."""
    with tables.open_file(path) as file:
        trigger, hits = (file.root.dl1.event[level].trigger[:] for level in ("subarray", "telescope"))
        triggers = Counter(zip(hits["obs_id"].tolist(), hits["event_id"].tolist(), strict=True))
        types = {_event(row): row["event_type"] for row in trigger}
        showers = file.root.simulation.event.subarray.shower
        truth = {_event(row): row for row in showers[:]}
        images = []
        for table in file.root.dl1.event.telescope.images:
            for row in _decoded(table):
                event, mask = _event(row), row.get("image_mask")
                out = {n: int(row[n]) for n in IDS[:3]} | images_of(row["image"], row["peak_time"], mask)
                out |= {"event_type": int(types[event]), "multiplicity": triggers[event]}
                out |= {f"true_{n}": float(truth[event][f"true_{n}"]) for n in TRUTH}
                out |= _old_parameters(file, table.name, row) | _nearest(file, row, trigger)
                images.append(out)
        return images, _instrument(file)


def _event(row):
    return int(row["obs_id"]), int(row["event_id"])


def _decoded(table):
    names, attributes, rows = table.colnames, table.attrs, table[:]
    for row in rows:
        out = {n: row[n] for n in names}
        for name in names:
            if f"{name}_TRANSFORM_SCALE" in attributes:
                stored = row[name]
                out[name] = (stored - attributes[f"{name}_TRANSFORM_OFFSET"]).astype(np.float32)
                out[name] /= attributes[f"{name}_TRANSFORM_SCALE"]
                for key, value in (("NAN", np.nan), ("POSINF", np.inf), ("NEGINF", -np.inf)):
                    if f"{name}_{key}_VALUE" in attributes:
                        out[name][stored == attributes[f"{name}_{key}_VALUE"]] = value
        yield out


def _old_parameters(file, name, row):
    if "parameters" not in file.root.dl1.event.telescope:
        return {}
    table = file.root.dl1.event.telescope.parameters[name]
    found = next(r for r in table[:] if all(r[n] == row[n] for n in IDS[:3]))
    metres = str(table.attrs["hillas_length_UNIT"]) == "m" if "hillas_length" in table.colnames else False
    out = {}
    for column in table.colnames:
        new = column.replace("morphology_num_", "morphology_n_")
        if metres and column in FRAME:
            new = f"camera_frame_{column}"
        if new in COLUMNS:
            out[new] = float(found[column])
    return out


def _nearest(file, row, trigger):
    table = file.root.dl1.monitoring.telescope.pointing[f"tel_{row['tel_id']:03d}"]
    time = next(t["time"] for t in trigger if _event(t) == _event(row))
    times = table.col("time" if "time" in table.colnames else "telescopetrigger_time")
    nearest = table[int(np.argmin(np.abs(times - time)))]
    return {"pointing_alt": nearest["altitude"] * DEGREES, "pointing_az": nearest["azimuth"] * DEGREES}


def read_lstchain(path):
    """Images and telescopes of an lstchain file: one table for all telescopes of a type, truth among the parameters."""
    with tables.open_file(path) as file:
        group = file.root.dl1.event.telescope
        triggers = {}
        if "subarray" in file.root.dl1.event and "event_id" in file.root.dl1.event.subarray.trigger.colnames:
            triggers = {_event(r): int(r["tels_with_trigger"].sum()) for r in file.root.dl1.event.subarray.trigger[:]}
        images = []
        for table in group.image:
            parameters = group.parameters[table.name]
            for image, row in zip(table[:], parameters[:], strict=True):
                assert all(image[n] == row[n] for n in IDS[:3] if n in table.colnames)
                mask = image["image_mask"] if "image_mask" in table.colnames else None
                ids = {n: int(row[n]) if n in parameters.colnames else -1 for n in IDS}
                out = ids | images_of(image["image"], image["peak_time"], mask)
                out["multiplicity"] = triggers.get(_event(row), np.nan)
                images.append(out | _renamed(parameters, row))
        return images, _instrument(file)


def _renamed(table, row):
    radians = {"phi", "psi", "alt_tel", "az_tel", "mc_alt", "mc_az"}
    out = {
        new: float(row[old]) * (DEGREES if old in radians else 1)
        for old, new in LSTCHAIN.items()
        if old in table.colnames
    }
    if out["true_shower_primary_id"] == -9999:
        del out["true_shower_primary_id"]
    array = {f"pointing_{n}": row[f"mc_{n}_tel"] * DEGREES for n in ("alt", "az") if f"mc_{n}_tel" in table.colnames}
    return array | out


def _instrument(file):
    """Telescopes as ctapipe before v4, and lstchain, write them."""
    instrument = file.root.configuration.instrument
    layout, optics = instrument.subarray.layout, instrument.telescope.optics
    descriptions = optics.col("description").tolist() if "description" in optics.colnames else []
    telescopes = []
    for row in layout[:]:
        camera = row["camera_name" if "camera_name" in layout.colnames else "camera_type"].decode()
        index = row["camera_index"] if "camera_index" in layout.colnames else camera
        number = row["optics_index"] if "optics_index" in layout.colnames else None
        mirror = optics[descriptions.index(row["tel_description"]) if number is None else int(number)]
        focal = [mirror[n] for n in ("effective_focal_length", "equivalent_focal_length") if n in optics.colnames]
        pixels = instrument.telescope.camera[f"geometry_{index}"]
        assert _camera_rotation(instrument.telescope.camera, pixels) == 0
        position = [float(row[f"pos_{axis}"]) for axis in "xyz"]
        columns = (pixels.col(n) for n in ("pix_x", "pix_y", "pix_area"))
        length = float(next(f for f in focal if np.isfinite(f)))
        telescopes.append(telescope_of(int(row["tel_id"]), camera, position, length, *columns))
    return telescopes


def _camera_rotation(group, table):
    if "CAM_ROT" in table.attrs:
        return float(table.attrs["CAM_ROT"])
    text = b"\n".join(group[f"{table.name}.__table_column_meta__"][:]).decode()
    return float(yaml.safe_load(text)["meta"]["CAM_ROT"])


def read(path):
    """Images, telescopes and the name of the format."""
    with tables.open_file(path) as file:
        attributes = file.root._v_attrs
        version = str(attributes["CTA PRODUCT DATA MODEL VERSION"]) if "CTA PRODUCT ID" in attributes else "lstchain"
    reader = read_lstchain if version == "lstchain" else read_before_v4 if version < "v4" else read_ctapipe
    return *reader(path), version


def tabulate(paths):
    """All files as one table of images and one of telescopes."""
    images, telescopes, models = [], [], []
    for number, path in enumerate(paths):
        found, instrument, model = read(path)
        images += [row | {"file_index": number} for row in sorted(found, key=lambda r: [r[n] for n in IDS[:3]])]
        telescopes += [row | {"file_index": number} for row in instrument]
        models.append(model)
    arrays = {"files": np.array([p.name for p in paths]), "models": np.array(models)}
    arrays |= {n: np.array([row[n] for row in images], dtype=np.int64) for n in ("file_index", *IDS)}
    arrays |= {n: np.array([row.get(n, np.nan) for row in images], dtype=np.float64) for n in COLUMNS}
    arrays |= {f"tel_{n}": np.array([row[n] for row in telescopes]) for n in ("file_index", "tel_id", "camera")}
    arrays |= {f"tel_{n}": np.array([row[n] for row in telescopes], dtype=np.float64) for n in TELESCOPE}
    return {n: _rounded(a) for n, a in arrays.items()}


def _rounded(values):
    """Twelve significant digits."""
    if values.dtype.kind != "f":
        return values
    return np.array([float(f"{v:.11e}") for v in values])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    chosen = [Path(p) for p in sys.argv[2:]] or sorted(p for f in FOLDERS for p in (REPOSITORY / f).glob("*.h5"))
    target = sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "tests" / "data" / "dl1_golden.npz"
    np.savez_compressed(target, **tabulate(chosen))
