"""Make the reference curves of CTA from the text files that ctaplot 0.6.6 has.

pip download ctaplot==0.6.6 --no-deps --no-binary :all:
tar xf ctaplot-0.6.6.tar.gz
python tools/cta_curves.py ctaplot-0.6.6/share src/gammalearn_irf/reference/curves
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REQUIREMENT = {
    "angular_resolution": ("50h-AngRes", "deg", "angle to the true direction that contains 68 % of the gammas"),
    "energy_resolution": ("50h-ERes", "", "half width about 0 of (E_reco - E_true) / E_true that holds 68 % of gammas"),
    "effective_area": ("30m-EffectiveArea", "m2", "after the cuts of an observation of 30 min"),
    "sensitivity": ("50h", "erg / (cm2 s)", "E² times the flux that is seen in 50 h, five bins a decade, 5 sigma"),
}
PERFORMANCE = {
    "angular_resolution": ("Angres", "deg", "angle to the true direction that contains 68 % of the gammas"),
    "energy_resolution": ("Eres", "", "half width about 0 of (E_reco - E_true) / E_true that holds 68 % of gammas"),
    "effective_area": ("EffArea", "m2", "after cuts on gamma/hadron separation and direction, for 50 h"),
    "sensitivity": (
        "DiffSens",
        "erg / (cm2 s)",
        "E² times the flux that is seen in 50 h, five bins a decade, 5 sigma (Li & Ma 17), 10 gammas, 5 % background",
    ),
}
SITES = {"North": "La Palma", "South": "Paranal"}
ACKNOWLEDGEMENT = (
    "This research has made use of the CTA instrument response functions provided by the CTA Consortium and"
    " Observatory, see https://www.cta-observatory.org/science/cta-performance/ (version prod3b-v2;"
    " doi:10.5281/zenodo.5163273) for more details."
)


def main(share: Path, folder: Path) -> None:
    """Write four sets."""
    for site, place in SITES.items():
        write(folder / f"cta_requirement_{site.lower()}.json", requirement(share / "CTA_Requirements", site, place))
        name = "CTA-Performance-prod3b-v2-20deg"
        performance_set = performance(share / "CTA_Performance" / name, site, place)
        write(folder / f"cta_prod3b_v2_{site.lower()}.json", performance_set)


def requirement(folder: Path, site: str, place: str) -> dict[str, object]:
    """What the observatory must reach at a site."""
    return {
        "schema": 1,
        "name": f"CTA requirement {site}",
        "version": "ctaplot 0.6.6",
        "conditions": f"whole array of {place}, on axis",
        "citation": (
            "CTA Consortium and Observatory, performance requirements, as distributed with ctaplot 0.6.6"
            " (T. Vuillaume and M. Jacquemont)"
        ),
        "licence": "MIT (ctaplot)",
        "acknowledgement": "",
        "source": "https://pypi.org/project/ctaplot/0.6.6/ share/CTA_Requirements",
        "curves": [
            curve(quantity, unit, definition, rows(folder / f"cta_requirements_{site}-{file}.dat"))
            for quantity, (file, unit, definition) in REQUIREMENT.items()
        ],
    }


def performance(folder: Path, site: str, place: str) -> dict[str, object]:
    """What simulations expected of the baseline arrays in 2019."""
    return {
        "schema": 1,
        "name": f"CTA performance {site}",
        "version": "prod3b-v2, April 2019 (superseded by prod5 v0.1)",
        "conditions": f"baseline array of {place}, zenith angle 20 deg, on axis, 50 h",
        "citation": (
            "Cherenkov Telescope Array Observatory and Consortium, CTAO Instrument Response Functions - version"
            " prod3b-v2, Zenodo, doi:10.5281/zenodo.5163273"
        ),
        "licence": "CC-BY-4.0 (data), MIT (ctaplot, whose copies of the numbers these are)",
        "acknowledgement": ACKNOWLEDGEMENT,
        "source": "https://pypi.org/project/ctaplot/0.6.6/ share/CTA_Performance/CTA-Performance-prod3b-v2-20deg",
        "curves": [
            curve(quantity, unit, definition, rows(folder / f"{folder.name[:-6]}-{site}-20deg-50h-{file}.txt"))
            for quantity, (file, unit, definition) in PERFORMANCE.items()
        ],
    }


def curve(quantity: str, unit: str, definition: str, found: list[list[float]]) -> dict[str, object]:
    """Energies and values; the geometric middle of a bin if its edges are given."""
    energies = [row[0] if len(row) == 2 else float(f"{(row[0] * row[1]) ** 0.5:.4g}") for row in found]
    return {
        "quantity": quantity,
        "definition": definition,
        "cuts": "",
        "unit": unit,
        "energy_unit": "TeV",
        "energy": energies,
        "value": [row[-1] for row in found],
    }


def rows(path: Path) -> list[list[float]]:
    """Lines that hold numbers only; one file says the same twice."""
    found: list[list[float]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append([float(word) for word in line.split()])
        except ValueError:
            continue
    return [list(row) for row in dict.fromkeys(map(tuple, found)) if row]


def write(path: Path, content: dict[str, object]) -> None:
    """Write a set of curves, a line each list of numbers."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(joined(text) + "\n", encoding="utf-8")


def joined(text: str) -> str:
    """The JSON with lists of numbers on one line."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside:
            inside = not line.lstrip().startswith("]")
            lines[-1] += line.strip() + (" " if line.endswith(",") and inside else "")
        else:
            lines.append(line)
            inside = line.endswith(('"energy": [', '"value": ['))
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
