"""What a file holds: ``gammalearn info``.

``paths`` finds files, ``apart`` has them described by another process, and ``showing`` and ``structure`` hand what is
known to people and to programs. In the other process ``describing`` describes a file with the help of ``contents``,
``events``, ``instrument``, ``loading`` and ``storage``, and ``damage`` reads all of it. Neither needs torch.
"""
