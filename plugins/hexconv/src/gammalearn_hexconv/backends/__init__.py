"""What computes convolutions and poolings.

``indirect``
    The compiled kernel, on CPUs, in single precision and bfloat16. The bits of an image's output and gradient depend
    neither on the rest of the batch nor on the number of threads.
``axial``
    A dense convolution of torch in a box of rows and columns, channels-last, of which what is outside the camera is
    left out. For kernels on a lattice, on any device and in any precision. Bits may depend on the batch.
``gather``
    What each output sees side by side, then products of matrices. For any table, on any device and in any precision.
    On the CPUs that it was tried on bits depend on neither batch nor threads, but the libraries below do not promise
    it.
``reference``
    The package IndexedConv itself, to compare with.

``auto`` takes the first of these that can do it and is worth it, except that what is exported does not need the kernel.
Nothing of this has been run on a GPU.
"""

from __future__ import annotations

from gammalearn_hexconv.backends.choosing import Backend
from gammalearn_hexconv.backends.choosing import Choice
from gammalearn_hexconv.backends.report import BackendReport
from gammalearn_hexconv.backends.report import backend_report

__all__ = ["Backend", "BackendReport", "Choice", "backend_report"]
