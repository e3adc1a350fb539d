"""Real DL1 files, damaged at random: what the tests of hostile files share.

``raw``, ``attributes``, ``columns``, ``rows``, ``numbers`` and ``objects`` damage a copy, ``making`` chooses among them
by a seed, ``seeing`` writes down what the loader makes of a file, ``judging`` says whether that is right, ``worker``
does both in a process that may die, and ``running`` starts that again when it does.
"""
