"""What GammaBoard needs. Without h5py it would say of every experiment that it cannot be read."""

from importlib.util import find_spec

missing = [name for name in ("ctaplot", "h5py", "tables", "pandas", "ipywidgets", "ipympl") if find_spec(name) is None]
if missing:
    raise ImportError(
        f"GammaBoard needs {' and '.join(missing)}: run `pip install {' '.join(missing)}` in the environment of this "
        "notebook, and start its kernel again"
    )
